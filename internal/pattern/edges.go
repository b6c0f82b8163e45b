package pattern

import "math/bits"

// Edges are the lengths of prefixes, or of suffixes, that rules have, with what
// can be told of the byte beside the star: most names have another one there,
// and are looked up no further.
type edges []eight

// An eight is so many lengths in a row, with a byte for each: the shortest has
// the lowest.
type eight struct {
	has   uint64 // the highest bit, if there are rules of the length
	value uint64 // the byte beside the star of one of them
	known uint64 // those of its bits that they all have, but the highest, which is always 0
	gives uint8  // the actions of the rules
}

// each has the lowest bit of every byte.
const each = 0x0101010101010101

func (e *edges) add(length, beside, actions uint8) {
	i, at := int(length-1)/wordSize, 8*((length-1)%wordSize)
	if i >= len(*e) {
		*e = append(*e, make(edges, i+1-len(*e))...)
	}
	of := &(*e)[i]
	if of.has>>at&0x80 == 0 {
		of.has |= 0x80 << at
		of.value |= uint64(beside) << at
		of.known |= 0x7f << at
	}
	of.gives |= actions
	of.known &^= (of.value ^ uint64(beside)<<at) & (0x7f << at)
}

// admits returns the lengths to be looked up, as has does. The word has the
// bytes that a name has there; beyond its end, what is returned means nothing.
func (e *eight) admits(word uint64) uint64 {
	return ^((word^e.value)&e.known + 0x7f*each) & e.has
}

// shortest returns the shortest of lengths that admits returned, less those
// before the eight.
func shortest(lengths uint64) int { return bits.TrailingZeros64(lengths)/8 + 1 }

// upTo returns a mask of so many bytes of a word.
func upTo(lengths uint64) uint64 { return lengths ^ (lengths - 1) }
