package storetest_test

import (
	"context"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

func alwaysCaughtUp(b store.Batch) store.Batch {
	b.CaughtUp = true
	return b
}

func neverCaughtUp(b store.Batch) store.Batch {
	b.CaughtUp = false
	return b
}

// oddRevsLate lets even revisions, and readers, overtake the odd ones.
func oddRevsLate(rev store.Rev) {
	if rev%2 == 1 {
		overlapLonger()
	}
}

// anyCursor takes the revision and leaves the rest.
func anyCursor(j *journal, _ string, after store.Rev) int {
	if after > j.last().change.Rev {
		return -1
	}
	return j.firstBehind(after) - 1
}

// ownCursor knows its own cursors, and takes one that lies ahead for the last.
func ownCursor(j *journal, nonce string, after store.Rev) int {
	if nonce != j.nonce {
		return -1
	}
	return j.firstBehind(after) - 1
}

// trimmedCursor knows its own cursors and which lie ahead, but not what was
// trimmed.
func trimmedCursor(j *journal, nonce string, after store.Rev) int {
	if nonce != j.nonce {
		return -1
	}
	return anyCursor(j, nonce, after)
}

// getsOlder returns, the first time after a write, what stood there before.
func getsOlder(s *memstore.Store) store.Store {
	before := make(map[uuid.UUID]store.Record)
	a := &altered{Store: s}
	a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if old, err := s.Get(ctx, r.ID); err == nil {
			before[r.ID] = old
		}
		return s.Put(ctx, r)
	}
	a.get = func(s *memstore.Store, ctx context.Context, id uuid.UUID) (store.Record, error) {
		if old, ok := before[id]; ok {
			delete(before, id)
			return old, nil
		}
		return s.Get(ctx, id)
	}
	return a
}

func neverWakes(s *memstore.Store) store.Store {
	return &altered{Store: s, wait: func(_ *memstore.Store, ctx context.Context, _ store.Cursor) error {
		<-ctx.Done()
		return ctx.Err()
	}}
}

// sleepsThroughWrites looks for changes once, and then waits for its context.
func sleepsThroughWrites(s *memstore.Store) store.Store {
	waiting := make(chan struct{}, 1)
	a := &altered{Store: s}
	a.wait = func(s *memstore.Store, ctx context.Context, after store.Cursor) error {
		if head, err := s.Head(ctx); err != nil || head != after {
			return err
		}
		waiting <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if r.Rev != 0 { // what replaces is written during a Wait
			<-waiting
		}
		return s.Put(ctx, r)
	}
	return a
}

// ignoresCancel goes on waiting when its context has ended, until Close.
func ignoresCancel(s *memstore.Store) store.Store {
	return &altered{Store: s, wait: func(s *memstore.Store, ctx context.Context, after store.Cursor) error {
		return s.Wait(context.WithoutCancel(ctx), after)
	}}
}
