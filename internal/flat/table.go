package flat

import (
	"sync/atomic"
	"unsafe"
)

// A slot of a table says where a record begins, and bits of its hash. The zero
// slot is free.
type slot uint64

const (
	offsetBits = 19 // of words in a block
	numberBits = 15 // of blocks; there is no block 0
	tagBits    = 64 - numberBits - offsetBits
	placeBits  = numberBits + offsetBits

	blockWords = 1 << offsetBits
	maxBlocks  = 1 << numberBits
)

// A place is where a record begins: the number of its block, and its offset.
type place uint64

func newPlace(number, offset int) place { return place(number)<<offsetBits | place(offset) }

func (p place) number() int { return int(p >> offsetBits) }
func (p place) offset() int { return int(p & (blockWords - 1)) }

func (s slot) place() place { return place(s & (1<<placeBits - 1)) }
func (s slot) tag() uint64  { return uint64(s >> placeBits) }

// tagOf returns the bits of a hash that a slot keeps.
func tagOf(hash uint64) uint64 { return hash >> placeBits }

// A table is a hash table of places, open-addressed with linear probing. The
// tag alone says where a slot belongs, so that a table is enlarged without
// looking at a record, and in the order of memory.
//
// One writer at a time changes it while others read. A reader may miss a slot
// that is being moved, and never finds what is not there.
type table struct {
	slots   []atomic.Uint64
	taken   int
	settled bool // in huge pages or not
}

func newTable(slots int) *table { return &table{slots: make([]atomic.Uint64, slots)} }

func (t *table) settle() {
	if !t.settled {
		t.settled = useHugePages(t.slots)
	}
}

func (t *table) home(tag uint64) int { return int(tag * uint64(len(t.slots)) >> tagBits) }

func (t *table) after(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}

func (t *table) at(i int) slot { return slot(t.slots[i].Load()) }

// prefetch tells the processor that the slots at home of a tag are about to be
// read.
func (t *table) prefetch(tag uint64) {
	prefetch((*uint64)(unsafe.Pointer(&t.slots[t.home(tag)])))
}

// seek returns the next slot of the tag, from i on, and where it stands; the
// zero slot if there is none.
func (t *table) seek(tag uint64, i int) (slot, int) {
	for ; ; i = t.after(i) {
		if s := t.at(i); s == 0 || s.tag() == tag {
			return s, i
		}
	}
}

// insert adds a slot. The table must have room.
func (t *table) insert(tag uint64, p place) {
	i := t.home(tag)
	for t.at(i) != 0 {
		i = t.after(i)
	}
	t.slots[i].Store(tag<<placeBits | uint64(p))
	t.taken++
}

// find returns where the slot of a tag and place stands, which must be there.
func (t *table) find(tag uint64, p place) int {
	s, i := t.seek(tag, t.home(tag))
	for s.place() != p {
		s, i = t.seek(tag, t.after(i))
	}
	return i
}

// remove takes the slot of a tag and place out, and closes the gap.
func (t *table) remove(tag uint64, p place) {
	gap := t.find(tag, p)
	for i := t.after(gap); ; i = t.after(i) {
		s := t.at(i)
		if s == 0 {
			break
		}
		if t.distance(t.home(s.tag()), i) >= t.distance(gap, i) {
			t.slots[gap].Store(uint64(s))
			gap = i
		}
	}
	t.slots[gap].Store(0)
	t.taken--
}

// distance returns how many steps lead from one place in the table to another.
func (t *table) distance(from, to int) int {
	if to >= from {
		return to - from
	}
	return to - from + len(t.slots)
}

// move changes the place that a slot leads to.
func (t *table) move(tag uint64, from, to place) {
	t.slots[t.find(tag, from)].Store(tag<<placeBits | uint64(to))
}

// slotsFor returns how many slots a table needs that never holds more records.
func slotsFor(records int) int { return records + records/3 + 2 }

// isFull reports whether a table must be enlarged before the next insert.
func (t *table) isFull() bool { return 4*(t.taken+1) > 3*len(t.slots) }

// enlarged returns a copy of the table with another number of slots.
func (t *table) enlarged(slots int) *table {
	larger := newTable(slots)
	for i := range t.slots {
		if s := t.at(i); s != 0 {
			larger.insert(s.tag(), s.place())
		}
	}
	larger.settle()
	return larger
}
