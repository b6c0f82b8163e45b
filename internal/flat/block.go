package flat

import (
	"iter"
	"math/bits"
	"slices"
	"sync/atomic"
)

const smallestBlock = 512 // words

// A block is memory for records, one behind the other.
type block[V any] struct {
	words  []uint64             // all of it; what is taken never changes, flags aside
	values atomic.Pointer[[]*V] // that its records share
	unused atomic.Bool          // it was in use, and never will be again

	taken  int
	places map[*V]int // of values, while the block is the last
}

func newBlock[V any](words int) *block[V] {
	b := &block[V]{words: make([]uint64, words), places: make(map[*V]int)}
	b.values.Store(new([]*V))
	useHugePages(b.words)
	return b
}

// record returns the record that begins at the offset.
func (b *block[V]) record(offset int) Record[V] {
	h := header(atomic.LoadUint64(&b.words[offset]))
	return Record[V]{b, int32(offset), int32(offset + 1 + h.keyWords())}
}

// fits reports whether there is room for a record, and for a value of its own.
func (b *block[V]) fits(r Record[V]) bool {
	return r.room() <= len(b.words)-b.taken && len(*b.values.Load()) < maxValues
}

// add copies a record that fits, under these flags, and returns its offset.
func (b *block[V]) add(r Record[V], flags uint64) (offset int) {
	offset = b.taken
	copy(b.words[offset+1:], r.words()[1:])
	b.words[offset] = uint64(r.header().with(b.share(r.Value()), flags))
	b.taken += r.room()
	return offset
}

// records yields all of them, dead or alive.
func (b *block[V]) records() iter.Seq[Record[V]] {
	return func(yield func(Record[V]) bool) {
		for offset := 0; offset < b.taken; {
			r := b.record(offset)
			if !yield(r) {
				return
			}
			offset += r.room()
		}
	}
}

// share returns the place of the value among those of the block.
func (b *block[V]) share(v *V) int {
	values := *b.values.Load()
	i, ok := b.places[v]
	if !ok {
		i = len(values)
		values = append(values, v)
		b.values.Store(&values)
		b.places[v] = i
	}
	return i
}

// seal gives back what only the last block needs.
func (b *block[V]) seal() {
	b.places = nil
	values := slices.Clip(*b.values.Load())
	b.values.Store(&values)
}

// blocks are the blocks in use, by number and by age.
type blocks[V any] struct {
	byNumber atomic.Pointer[[]atomic.Pointer[block[V]]]
	free     []int // numbers that were in use
	order    []int // numbers, the oldest block first; the last one is appended to
}

// clear takes all blocks out of use.
func (bs *blocks[V]) clear() {
	for _, number := range bs.order {
		bs.at(number).unused.Store(true)
	}
	numbers := make([]atomic.Pointer[block[V]], 1) // there is no block 0
	bs.byNumber.Store(&numbers)
	bs.free, bs.order = nil, nil
}

// at returns the block of a number, nil if none has it. Readers may ask for
// one that was in use.
func (bs *blocks[V]) at(number int) *block[V] {
	numbers := *bs.byNumber.Load()
	if number >= len(numbers) { // Clear was called since
		return nil
	}
	return numbers[number].Load()
}

// hasNumber reports whether there is a number for another block.
func (bs *blocks[V]) hasNumber() bool { return len(bs.free) > 0 || bs.makeNumbers() }

// add begins a new block. There must be a number for it.
func (bs *blocks[V]) add(b *block[V]) {
	number := bs.free[len(bs.free)-1]
	bs.free = bs.free[:len(bs.free)-1]
	(*bs.byNumber.Load())[number].Store(b)
	bs.order = append(bs.order, number)
}

// makeNumbers doubles how many numbers there are.
func (bs *blocks[V]) makeNumbers() bool {
	old := *bs.byNumber.Load()
	if len(old) == maxBlocks {
		return false
	}
	numbers := make([]atomic.Pointer[block[V]], min(2*len(old), maxBlocks))
	for i := range old {
		numbers[i].Store(old[i].Load())
	}
	for i := len(numbers) - 1; i >= len(old); i-- {
		bs.free = append(bs.free, i)
	}
	bs.byNumber.Store(&numbers)
	return true
}

// placeBits returns how many bits the place of any record has.
func (bs *blocks[V]) placeBits() int { return offsetBits + bits.Len(uint(len(*bs.byNumber.Load())-1)) }

// last returns the number of the block that is appended to, 0 if there is
// none.
func (bs *blocks[V]) last() int {
	if len(bs.order) == 0 {
		return 0
	}
	return bs.order[len(bs.order)-1]
}

// dropOldest takes the oldest block out of use.
func (bs *blocks[V]) dropOldest() {
	number := bs.order[0]
	bs.order = bs.order[1:]
	bs.at(number).unused.Store(true)
	(*bs.byNumber.Load())[number].Store(nil)
	bs.free = append(bs.free, number)
}
