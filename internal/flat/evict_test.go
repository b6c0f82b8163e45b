package flat_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/flat"
)

// TestLimit: the weight never passes the limit, and what is there is right.
func TestLimit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{1, 2, 7, 100, 1000} {
		c, last := flat.New(limit, weigh), model{}
		for rev := range int64(20 * limit) {
			i := random.IntN(3*limit + 3)
			last[i] = newRecord(i, rev, 1+random.IntN(3), nil)
			c.Put(last[i])
			if rev%int64(limit) > 0 && rev < int64(20*limit-1) {
				continue
			}
			weight, n := 0, 0
			for i, want := range last {
				if got := c.Get(keyOf(i)); !got.IsNone() {
					requireRecord(t, want, got)
					requireRecord(t, want, c.GetByID(idOf(i)))
					weight += weigh(got)
					n++
				}
			}
			require.LessOrEqual(t, weight, limit)
			require.Equal(t, n, c.Len())
		}
		require.Positive(t, c.Evictions())
	}
}

// TestUsedStay: those looked up between two inserts are not evicted.
func TestUsedStay(t *testing.T) {
	const limit, used = 100, 10
	for _, get := range []func(*flat.Cache[value], int) flat.Record[value]{
		func(c *flat.Cache[value], i int) flat.Record[value] { return c.Get(keyOf(i)) },
		func(c *flat.Cache[value], i int) flat.Record[value] { return c.GetByID(idOf(i)) },
		func(c *flat.Cache[value], i int) flat.Record[value] { return getInSteps(c, keyOf(i)) },
	} {
		c := flat.New(limit, weigh)
		for i := range 50 * limit {
			c.Put(newRecord(i, 1, 1, nil))
			for often := range min(i+1, used) {
				if get(c, often).IsNone() {
					t.Fatal(often, "was evicted")
				}
			}
		}
		require.Equal(t, limit, c.Len())
		require.EqualValues(t, 49*limit, c.Evictions())
	}
}

// TestMovedStayUsed: those that were used are so still where they were moved.
func TestMovedStayUsed(t *testing.T) {
	const limit = 400
	c := flat.New(limit, weigh)
	for i := range limit {
		c.Put(newRecord(i, 1, 1, nil))
		if i%4 == 0 {
			c.Get(keyOf(i))
		}
	}
	for i := range limit {
		if i%4 > 0 {
			c.Remove(idOf(i))
		}
	}
	for i := range limit {
		c.Put(newRecord(limit+i, 1, 1, nil))
	}
	require.EqualValues(t, limit/4, c.Evictions())
	for i := 0; i < limit; i += 4 {
		require.False(t, c.Get(keyOf(i)).IsNone(), i)
	}
}

// TestAllUsed: where all were used an insert still ends soon, and evicts one.
func TestAllUsed(t *testing.T) {
	const limit = 5000
	c := flat.New(limit, weigh)
	for i := range limit {
		c.Put(newRecord(i, 1, 1, nil))
		c.Get(keyOf(i))
	}
	moved := flat.Moved(c, func() { c.Put(newRecord(limit, 1, 1, nil)) })
	require.LessOrEqual(t, moved, flat.MaxChances+flat.CompactSteps)
	require.Equal(t, limit, c.Len())
	require.EqualValues(t, 1, c.Evictions())
}

func TestTooHeavyIsNotKept(t *testing.T) {
	c := flat.New(3, weigh)
	c.Put(newRecord(1, 1, 3, nil))
	c.Put(newRecord(2, 1, 4, nil))
	require.False(t, c.Get(keyOf(1)).IsNone(), "it made no room")
	require.Equal(t, 1, c.Len())
	c.Put(newRecord(1, 2, 4, nil))
	require.Zero(t, c.Len(), "nor is an older state of it")

	none := flat.New(0, weigh)
	none.Put(newRecord(1, 1, 1, nil))
	require.Zero(t, none.Len())
}

// TestMemoryIsBounded: however often records change, what is dead is no more
// than what is alive, and a new block no larger than both.
func TestMemoryIsBounded(t *testing.T) {
	const n = 5_000
	c := flat.New(n, weigh)
	alive := 0
	for i := range n {
		r := newRecord(i, 0, 1, nil)
		alive += flat.Words(r)
		c.Put(r)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 * n { // to the same size, so that alive stays
		c.Put(newRecord(random.IntN(n), 0, 1, nil))
		m := c.Memory()
		if m.Records != 8*alive || m.Blocks > 8*(4*alive+alive/4) {
			t.Fatal(m, alive)
		}
	}
	for i := range n {
		c.Remove(idOf(i))
	}
	require.Zero(t, c.Memory().Records)
	require.LessOrEqual(t, c.Memory().Blocks, 8*4*alive)
}

// TestHasRoom: where there is room, nothing leaves.
func TestHasRoom(t *testing.T) {
	c := flat.New(10, weigh)
	for i := range 4 {
		require.Equal(t, i < 3, c.HasRoom(newRecord(i, 1, 3, nil)))
		c.Put(newRecord(i, 1, 3, nil))
		require.EqualValues(t, max(0, i-2), c.Evictions())
	}
	require.True(t, c.HasRoom(newRecord(9, 1, 1, nil)))
	c.Remove(idOf(3))
	require.True(t, c.HasRoom(newRecord(9, 1, 4, nil)))
	require.False(t, c.HasRoom(newRecord(9, 1, 5, nil)))
}
