package pattern

import "math/bits"

// lengths is a set of lengths of texts.
type lengths [(MaxLength + 1) / 64]uint64

func (l *lengths) add(n uint8) { l[n/64] |= 1 << (n % 64) }

func (l *lengths) has(n uint8) bool { return l[n/64]>>(n%64)&1 == 1 }

// list returns them in ascending order.
func (l *lengths) list() []uint8 {
	count := 0
	for _, word := range l {
		count += bits.OnesCount64(word)
	}
	list := make([]uint8, 0, count)
	for i, word := range l {
		for ; word != 0; word &= word - 1 {
			list = append(list, uint8(64*i+bits.TrailingZeros64(word)))
		}
	}
	return list
}

// An edge is one length of prefixes or suffixes, with what can be told of all
// that have it: most names have none of the bytes that stand beside the star at
// that place, and are looked up no further.
type edge struct {
	beside  uint64 // a bit for each of the bytes, modulo 64
	length  uint8
	last    uint8 // the byte beside the star: how many stand before it, or in suffixes behind it
	actions uint8 // what the rules give
}

func (e *edge) admits(b byte) bool { return e.beside>>(b%64)&1 == 1 }

// edges collects edges by length.
type edges struct {
	lengths lengths
	of      [MaxLength + 1]edge
}

func (e *edges) add(length uint8, beside byte, actions uint8) {
	e.lengths.add(length)
	of := &e.of[length]
	of.actions |= actions
	if length == 0 {
		of.beside = 1<<64 - 1 // there is no such byte
		return
	}
	of.beside |= 1 << (beside % 64)
	of.length, of.last = length, length-1
}

// list returns them in ascending order.
func (e *edges) list() []edge {
	lengths := e.lengths.list()
	list := make([]edge, len(lengths))
	for i, length := range lengths {
		list[i] = e.of[length]
	}
	return list
}
