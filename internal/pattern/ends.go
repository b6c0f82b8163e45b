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
	if stars == 0 {
		n := uint8(len(text))
		return ends{prefix: hashPrefix(text), prefixLen: n, minLen: n, maxLen: n}
	}
	prefix, suffix := strings.IndexByte(text, '*'), len(text)-1-strings.LastIndexByte(text, '*')
	return ends{
		prefix:    hashPrefix(text[:prefix]),
		suffix:    hashSuffix(text[len(text)-suffix:]),
		prefixLen: uint8(prefix),
		suffixLen: uint8(suffix),
		minLen:    uint8(len(text) - stars),
		maxLen:    MaxLength,
		stars:     uint8(stars),
	}
}

// admitLength reports whether a name of n bytes may match.
func (e *ends) admitLength(n int) bool { return n >= int(e.minLen) && n <= int(e.maxLen) }

// admit reports whether the name may match.
func (e *ends) admit(name *subject) bool {
	return e.admitLength(len(name.text)) &&
		(e.prefixLen == 0 || e.prefix == name.prefix(int(e.prefixLen))) &&
		(e.suffixLen == 0 || e.suffix == name.suffix(int(e.suffixLen)))
}
