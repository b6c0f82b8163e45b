package flat

import (
	"math"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

const (
	unit       = 2  // words: records begin at multiples of it
	offsetBits = 18 // of units in a block
	numberBits = 14 // of blocks; there is no block 0

	blockWords = unit << offsetBits
	maxBlocks  = 1 << numberBits
)

// A place is where a record begins: the number of its block, and its offset.
type place uint32

func newPlace(number, offset int) place { return place(number<<offsetBits | offset/unit) }

func (p place) number() int { return int(p >> offsetBits) }
func (p place) offset() int { return int(p&(1<<offsetBits-1)) * unit }

// A slot of a table has a place, and above it a tag: as much of the record's
// hash as there is room for. The zero slot is free.
type slot uint32

const slotSize = 4

// A table is a hash table of places, open-addressed with linear probing. A slot
// is half a word, so that more of them are in the processor's cache; what else
// is to be known of a hash the record tells.
//
// One writer at a time changes it while others read. A reader may miss a slot
// that is being moved, and never finds what is not there.
type table struct {
	slots     []atomic.Uint32
	placeBits int
	hashOf    func(place) uint64 // of a record
	taken     int
}

func newTable(slots, placeBits int, hashOf func(place) uint64) *table {
	t := &table{slots: make([]atomic.Uint32, slots), placeBits: placeBits, hashOf: hashOf}
	useHugePages(t.slots)
	return t
}

// home returns where the slots of a hash begin. It goes by the highest bits, the
// tag by the lowest.
func (t *table) home(hash uint64) int {
	i, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(i)
}

func (t *table) tag(hash uint64) slot { return slot(hash << t.placeBits) }

func (t *table) place(s slot) place { return place(s & (1<<t.placeBits - 1)) }

func (t *table) after(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}

func (t *table) at(i int) slot { return slot(t.slots[i].Load()) }

// prefetch tells the processor that the slots at home of a hash are about to be
// read.
func (t *table) prefetch(hash uint64) { prefetch(unsafe.Pointer(&t.slots[t.home(hash)])) }

// seek returns the next slot with the tag of the hash, from i on, and where it
// stands; the zero slot if there is none.
func (t *table) seek(hash uint64, i int) (slot, int) {
	tag := t.tag(hash)
	for ; ; i = t.after(i) {
		if s := t.at(i); s == 0 || (s^tag)>>t.placeBits == 0 {
			return s, i
		}
	}
}

// insert adds a record. The table must have room.
func (t *table) insert(hash uint64, p place) {
	i := t.home(hash)
	for t.at(i) != 0 {
		i = t.after(i)
	}
	t.slots[i].Store(uint32(t.tag(hash) | slot(p)))
	t.taken++
}

// find returns where the slot of a hash and place stands, which must be there.
func (t *table) find(hash uint64, p place) int {
	i, s := t.home(hash), t.tag(hash)|slot(p)
	for t.at(i) != s {
		i = t.after(i)
	}
	return i
}

// remove takes the slot of a hash and place out, and closes the gap.
func (t *table) remove(hash uint64, p place) {
	gap := t.find(hash, p)
	for i := t.after(gap); ; i = t.after(i) {
		s := t.at(i)
		if s == 0 {
			break
		}
		if t.distance(t.home(t.hashOf(t.place(s))), i) >= t.distance(gap, i) {
			t.slots[gap].Store(uint32(s))
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
func (t *table) move(hash uint64, from, to place) {
	t.slots[t.find(hash, from)].Store(uint32(t.tag(hash) | slot(to)))
}

// sparseSlots is up to where a table is kept sparse, so that the first slot that
// is looked at is nearly always the one: it fits in the processor's nearest
// cache. A larger one is kept dense, so that more of it fits in the next.
const sparseSlots = 1 << 14

// slotsFor returns how many slots a table needs that never holds more records.
func slotsFor(records int) int {
	records = min(records, math.MaxInt/4) // no memory has room for so many
	return max(records+records/3+2, min(4*records, sparseSlots))
}

// isFull reports whether a table must be enlarged before the next insert.
func (t *table) isFull() bool {
	if len(t.slots) < sparseSlots {
		return 4*(t.taken+1) > len(t.slots)
	}
	return 4*(t.taken+1) > 3*len(t.slots)
}
