package pattern

// lengths is a set of lengths of texts.
type lengths [(MaxLength + 1) / 64]uint64

func (l *lengths) add(n uint8) { l[n/64] |= 1 << (n % 64) }

func (l *lengths) has(n uint8) bool { return l[n/64]>>(n%64)&1 == 1 }

// An edge is one length of prefixes or suffixes, with the bytes that stand
// beside the star: most names have none of them at that place, and are looked
// up no further.
type edge struct {
	beside uint64 // a bit for each of the bytes, modulo 64
	length uint8
	at     uint8
}

func (e *edge) admits(b byte) bool { return e.beside>>(b%64)&1 == 1 }

// edges collects edges by length.
type edges [MaxLength + 1]uint64

func (e *edges) add(length uint8, beside byte) {
	if length == 0 {
		e[0] = 1<<64 - 1 // there is no such byte
		return
	}
	e[length] |= 1 << (beside % 64)
}

// list returns those that were added in ascending order.
func (e *edges) list() (list []edge) {
	for length, beside := range e {
		if beside != 0 {
			list = append(list, edge{beside, uint8(length), uint8(max(length-1, 0))})
		}
	}
	return list
}
