package flat

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTable puts a table beside a map, with few tags, so that many records
// share one, and with tags that lie close together at both ends.
func TestTable(t *testing.T) {
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 0))
		table := newTable(16)
		want := map[place]uint64{}
		next := place(0)
		for range 2000 {
			if random.IntN(5) < 3 {
				if table.isFull() {
					table = table.enlarged(2 * len(table.slots))
				}
				next++
				tag := uint64(random.IntN(8))
				if random.IntN(2) == 0 {
					tag = 1<<tagBits - 1 - tag
				}
				want[newPlace(int(next), 1)] = tag
				table.insert(tag, newPlace(int(next), 1))
				continue
			}
			for p, tag := range want {
				if random.IntN(2) == 0 {
					table.remove(tag, p)
				} else {
					moved := newPlace(p.number(), 2+p.offset())
					table.move(tag, p, moved)
					want[moved] = tag
				}
				delete(want, p)
				break
			}
		}
		require.Equal(t, len(want), table.taken)
		got := map[place]uint64{}
		for tag := range uint64(8) {
			for _, tag := range []uint64{tag, 1<<tagBits - 1 - tag} {
				for s, i := table.seek(tag, table.home(tag)); s != 0; s, i = table.seek(tag, table.after(i)) {
					got[s.place()] = s.tag()
				}
			}
		}
		require.Equal(t, want, got)
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
