package pattern

// lengths is a set of lengths of texts.
type lengths [(MaxLength + 1) / 64]uint64

func (l *lengths) add(n uint8) { l[n/64] |= 1 << (n % 64) }

func (l *lengths) has(n uint8) bool { return l[n/64]>>(n%64)&1 == 1 }

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
type edges [MaxLength + 1]edge

func (e *edges) add(length uint8, beside byte, actions uint8) {
	of := &e[length]
	of.actions |= actions
	if length == 0 {
		of.beside = 1<<64 - 1 // there is no such byte
		return
	}
	of.beside |= 1 << (beside % 64)
	of.length, of.last = length, length-1
}

// list returns those that were added in ascending order.
func (e *edges) list() (list []edge) {
	for _, of := range e {
		if of.beside != 0 {
			list = append(list, of)
		}
	}
	return list
}
