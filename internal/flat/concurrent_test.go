package flat_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regtoken/regtoken/internal/flat"
)

// TestReadersWhileWriting: whatever a writer does, a reader finds under a key
// the record of that key, whole, and none that was replaced or removed before
// the lookup began.
func TestReadersWhileWriting(t *testing.T) {
	const keys, writes, readers = 300, 20_000, 3
	reads := [readers]func(c *flat.Cache[value], i int) flat.Record[value]{
		func(c *flat.Cache[value], i int) flat.Record[value] { return c.Get(keyOf(i)) },
		func(c *flat.Cache[value], i int) flat.Record[value] { return c.GetByID(idOf(i)) },
		func(c *flat.Cache[value], i int) flat.Record[value] { return getInSteps(c, keyOf(i)) },
	}
	values := []*value{{}, {}, {}}
	c := flat.New(250, weigh) // some are evicted
	var floors [keys]atomic.Int64
	done := make(chan struct{})
	var all sync.WaitGroup
	for n := range readers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for {
				select {
				case <-done:
					return
				default:
				}
				i := random.IntN(keys)
				floor := floors[i].Load()
				r := reads[n](c, i)
				if r.IsNone() {
					continue
				}
				if r.Rev() < floor {
					t.Errorf("record %d at revision %d, after %d", i, r.Rev(), floor)
				}
				requireRecord(t, newRecord(i, r.Rev(), weigh(r), values[r.Rev()%3]), r)
			}
		})
	}
	random := rand.New(rand.NewPCG(7, 7))
	for rev := int64(1); rev <= writes; rev++ {
		i := random.IntN(keys)
		switch op := random.IntN(1000); {
		case op == 0:
			c.Clear()
			for i := range floors {
				floors[i].Store(rev)
			}
		case op < 200:
			c.Remove(idOf(i))
			floors[i].Store(rev)
		default:
			c.Put(newRecord(i, rev, 1, values[rev%3]))
			floors[i].Store(rev)
		}
	}
	close(done)
	all.Wait()
}
