package pattern

import "strings"

// The ends of a pattern are what any name that it matches begins and ends
// with, in a form that is small and quick to compare: whoever lacks them is
// not matched, whoever has them may be.
type ends struct {
	prefix, suffix       uint32 // hashes of the literal text before the first and behind the last star
	prefixLen, suffixLen uint8
	minLen, maxLen       uint8 // of names
	stars                uint8
}

func endsOf(text string) ends {
	stars := strings.Count(text, "*")
	var s subject
	s.read(text)
	if stars == 0 {
		n := uint8(len(text))
		return ends{prefix: s.prefix(n), prefixLen: n, minLen: n, maxLen: n}
	}
	prefix, suffix := strings.IndexByte(text, '*'), len(text)-1-strings.LastIndexByte(text, '*')
	return ends{
		prefix:    s.prefix(uint8(prefix)),
		suffix:    s.suffix(uint8(suffix)),
		prefixLen: uint8(prefix),
		suffixLen: uint8(suffix),
		minLen:    uint8(len(text) - stars),
		maxLen:    MaxLength,
		stars:     uint8(stars),
	}
}

// admitLength reports whether a name of n bytes may match.
func (e *ends) admitLength(n int) bool { return n >= int(e.minLen) && n <= int(e.maxLen) }

// admit reports whether the name may match, if its length is admitted.
func (e *ends) admit(name *subject) bool {
	if e.prefixLen > wordSize || e.suffixLen > wordSize {
		return e.prefix == name.prefix(e.prefixLen) && e.suffix == name.suffix(e.suffixLen)
	}
	return e.prefix == name.shortPrefix(e.prefixLen) && e.suffix == name.shortSuffix(e.suffixLen)
}

// literalHash is what a literal is found by. It is none of a prefix.
func (e *ends) literalHash() uint32 { return ^e.prefix }

// bothHash is what prefix and suffix together are found by.
func (e *ends) bothHash() uint32 { return hashBoth(e.prefix, e.suffix) }

func hashBoth(prefix, suffix uint32) uint32 { return uint32(mix(uint64(prefix), uint64(suffix))) }
