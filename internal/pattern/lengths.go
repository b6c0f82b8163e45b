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
