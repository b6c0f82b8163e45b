package flat

import (
	"math/rand/v2"
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
		require.True(t, bs.add(b))
		require.Same(t, b, bs.at(bs.last()))
		require.NotZero(t, bs.last())
		if len(bs.order) == 10 {
			bs.dropOldest()
		}
	}
	require.LessOrEqual(t, len(*bs.byNumber.Load()), 16)
	require.Nil(t, bs.at(1000))
}
