package flat

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTable puts a table beside a map, with few hashes, so that many records
// share one, or a tag, and with hashes that lie close together at both ends.
func TestTable(t *testing.T) {
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 0))
		placeBits := offsetBits + int(seed)
		hashes := map[place]uint64{}
		hashOf := func(p place) uint64 { return hashes[p] }
		table := newTable(16, placeBits, hashOf)
		next := 0
		newHash := func() uint64 {
			hash := uint64(random.IntN(8))<<60 | uint64(random.IntN(4))
			if random.IntN(2) == 0 {
				return ^hash
			}
			return hash
		}
		for range 2000 {
			if random.IntN(5) < 3 {
				if table.isFull() {
					table = newTable(2*len(table.slots), placeBits, hashOf)
					for p, hash := range hashes {
						table.insert(hash, p)
					}
				}
				next++
				p := newPlace(next%(1<<(placeBits-offsetBits)), unit*next)
				hashes[p] = newHash()
				table.insert(hashes[p], p)
				continue
			}
			for p, hash := range hashes {
				if random.IntN(2) == 0 {
					table.remove(hash, p)
				} else {
					moved := newPlace(p.number(), p.offset()^blockWords/2)
					if _, taken := hashes[moved]; taken {
						break
					}
					table.move(hash, p, moved)
					hashes[moved] = hash
				}
				delete(hashes, p)
				break
			}
		}
		require.Equal(t, len(hashes), table.taken)
		for p, hash := range hashes {
			s, i := table.seek(hash, table.home(hash))
			for s != 0 && table.place(s) != p {
				s, i = table.seek(hash, table.after(i))
			}
			require.NotZero(t, s, "lost")
		}
		slots := 0
		for i := range table.slots {
			if s := table.at(i); s != 0 {
				slots++
				require.Contains(t, hashes, table.place(s))
			}
		}
		require.Equal(t, len(hashes), slots)
	}
}

// TestNumbersOfBlocks: numbers are used again, and never more than there are
// blocks at a time.
func TestNumbersOfBlocks(t *testing.T) {
	var bs blocks[int]
	bs.clear()
	require.Zero(t, bs.last())
	require.Nil(t, bs.at(0))
	for range 1000 {
		b := newBlock[int](1)
		require.True(t, bs.hasNumber())
		bs.add(b)
		require.Same(t, b, bs.at(bs.last()))
		require.NotZero(t, bs.last())
		if len(bs.order) == 10 {
			bs.dropOldest()
		}
	}
	require.LessOrEqual(t, len(*bs.byNumber.Load()), 16)
	require.Nil(t, bs.at(1000))
}

// TestNoNumberForABlock: what needs another block is not kept then, and what does
// not is.
func TestNoNumberForABlock(t *testing.T) {
	c := New(1<<20, func(Record[int]) int { return 1 })
	put := func(i, payload int) (kept bool) {
		k := Key{Second: strconv.Itoa(i)}
		c.Put(NewRecord(k, ID{byte(i >> 16), byte(i >> 8), byte(i)}, 1, make([]uint64, payload), new(int)))
		return !c.Get(k).IsNone()
	}
	require.True(t, put(0, 0))
	for c.blocks.hasNumber() {
		c.blocks.add(newBlock[int](16))
		if placeBits := c.blocks.placeBits(); c.byKey.Load().placeBits < placeBits {
			c.rebuild(len(c.byKey.Load().slots))
		}
	}
	require.Equal(t, offsetBits+numberBits, c.blocks.placeBits())
	require.False(t, put(1, 100))
	require.True(t, put(2, 0))
	require.True(t, put(0, 1))
	require.False(t, put(0, 100), "nor is an older state of it")
	require.Empty(t, Fault(c))
}

// TestHugeLimit: a limit may be a way to say that there is none.
func TestHugeLimit(t *testing.T) {
	for _, limit := range []int{math.MaxInt, math.MaxInt / 2, math.MaxInt / 4 * 3, math.MaxInt32} {
		c := New(limit, func(Record[int]) int { return 1 })
		c.Put(NewRecord[int](Key{}, ID{}, 1, nil, nil))
		require.Equal(t, 1, c.Len())
	}
}

// TestTablesAreSeldomRebuilt: of whatever size the cache may become.
func TestTablesAreSeldomRebuilt(t *testing.T) {
	for _, limit := range []int{1, 5, 63, 64, 65, 1000, sparseSlots/4 - 1, sparseSlots / 4, sparseSlots, 2 * sparseSlots} {
		c := New(limit, func(Record[int]) int { return 1 })
		last, rebuilt := c.byKey.Load(), 0
		for i := range 3 * limit {
			c.Put(NewRecord[int](Key{Second: strconv.Itoa(i)}, ID{byte(i >> 16), byte(i >> 8), byte(i)}, 1, nil, nil))
			if now := c.byKey.Load(); now != last {
				last = now
				rebuilt++
			}
		}
		require.LessOrEqual(t, rebuilt, 2*bits.Len(uint(limit)), limit)
		require.LessOrEqual(t, len(last.slots), slotsFor(limit))
		require.Empty(t, Fault(c))
	}
}

// TestBlockOutOfUse: a block whose number another has by now does not count, even
// if the slot is the same again.
func TestBlockOutOfUse(t *testing.T) {
	for _, drop := range []func(*blocks[int]){(*blocks[int]).dropOldest, (*blocks[int]).clear} {
		c := New(10, func(Record[int]) int { return 1 })
		k := Key{Second: "a"}
		put := func(rev int64) Lookup[int] {
			c.Put(NewRecord[int](k, ID{}, rev, nil, nil))
			return c.Begin(c.Hash(k))
		}
		before := put(1)
		drop(&c.blocks)
		c.Clear()
		now := put(2)
		require.Equal(t, before.slot, now.slot)
		now.block = before.block
		require.EqualValues(t, 2, c.End(k, now).Rev())
	}
}
