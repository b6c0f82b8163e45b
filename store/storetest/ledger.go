package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/regtoken/regtoken/store"
)

// A ledger holds the writes that were acknowledged to a number of writers. It
// is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	changes []store.Change
	writers int // that have not finished
}

func (l *ledger) add(c store.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, c)
}

func (l *ledger) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writers--
}

// all returns the writes in commit order, and whether there will be no more.
func (l *ledger) all() (changes []store.Change, finished bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changes = slices.SortedFunc(slices.Values(l.changes), func(a, b store.Change) int {
		return cmp.Compare(a.Rev, b.Rev)
	})
	return changes, l.writers == 0
}

// fill makes the n writes of one writer, to a record of its own, and enters
// each.
func (l *ledger) fill(ctx context.Context, s store.Store, name string, n int) error {
	defer l.finish()
	r := newRecord("registry", name)
	for range n {
		rev, err := s.Put(ctx, r)
		if err != nil {
			return fmt.Errorf("Put(%s): %w", describe(r), err)
		}
		r.Rev = rev
		l.add(store.Change{Rev: rev, ID: r.ID})
	}
	return nil
}
