package pattern

import "strings"

// ends are the hashes of what any name that matches a pattern begins and ends
// with: the text before its first star, all of a literal, and the text behind
// the last.
type ends struct{ prefix, suffix uint32 }

// A shape is what else can be told of such names without the text.
type shape struct {
	prefixLen, suffixLen uint8
	before, behind       byte // beside the first star and the last, if there is anything
	minLen               uint8
	stars                uint8
	longest              uint8 // bytes of a run between two stars
}

func endsOf(text string) (ends, shape) {
	var s subject
	s.read(text)
	n := len(text)
	first, last := strings.IndexByte(text, '*'), strings.LastIndexByte(text, '*')
	if first < 0 {
		return ends{prefix: s.prefix(uint8(n)), suffix: s.suffix(0)}, shape{prefixLen: uint8(n), before: text[n-1], minLen: uint8(n)}
	}
	sh := shape{prefixLen: uint8(first), suffixLen: uint8(n - 1 - last), stars: uint8(strings.Count(text, "*"))}
	sh.minLen = uint8(n) - sh.stars
	for piece := range strings.SplitSeq(text[first:last+1], "*") {
		sh.longest = max(sh.longest, uint8(len(piece)))
	}
	if first > 0 {
		sh.before = text[first-1]
	}
	if last < n-1 {
		sh.behind = text[last+1]
	}
	return ends{prefix: s.prefix(sh.prefixLen), suffix: s.suffix(sh.suffixLen)}, sh
}

// admits reports whether the name may match.
func (s *shape) admits(name string) bool {
	n := len(name)
	return (n == int(s.minLen) || n > int(s.minLen) && s.stars > 0) &&
		(s.prefixLen == 0 || name[s.prefixLen-1] == s.before) &&
		(s.suffixLen == 0 || name[n-int(s.suffixLen)] == s.behind)
}

// literal is what a literal is filed under; it is no hash of a prefix.
func (e *ends) literal() uint32 { return ^e.prefix }

// both is what rules are filed under by prefix and suffix.
func (e *ends) both() uint32 { return hashBoth(e.prefix, e.suffix) }

func hashBoth(prefix, suffix uint32) uint32 { return uint32(mix(uint64(prefix), uint64(suffix))) }
