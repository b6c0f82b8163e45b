// Package memstore keeps tokens in memory: for tests, for trying things out,
// and for a single process that may lose its tokens when it ends. Several
// parts of one process share a [Store] by sharing the pointer.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A Store is a [store.Store] and a [store.Waiter] in memory. Make one with
// [New]; the zero Store is not ready for use. All methods are safe for
// concurrent use. It starts no goroutine and reads no clock.
//
// What a call costs follows what it returns, with the logarithm of the number
// of records at worst: Get, GetByName and a Put that replaces look up a map,
// Expired reads a calendar; creating and deleting also find the name's place in
// a tree, and List starts from such a place. A List of all registries by prefix
// looks at each registry once besides. Head costs one atomic read.
//
// A record takes some 400 bytes beside its Data, and the garbage collector
// visits each: a store of many millions makes its cycles long.
type Store struct {
	// head is the cursor behind the last write, nil once the store is closed.
	// It changes under mu, and can be read without.
	head atomic.Pointer[store.Cursor]

	mu     sync.RWMutex
	byID   map[uuid.UUID]*item
	byName map[nameKey]*item // the same items
	names  *ordered[nameKey] // of all items
	expiry calendar          // the items that expire
	feed   feed
	wake   chan struct{} // closed by the next write; nil while nobody waits
}

// An item is a record and its place in the calendar. It changes under the
// store's lock; the bytes that its Data lead to never do, so they can be copied
// without.
type item struct {
	store.Record
	bucket *period // nil if it does not expire
	place  int
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Waiter    = (*Store)(nil)
	_ store.LocalHead = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	s := &Store{
		byID:   make(map[uuid.UUID]*item),
		byName: make(map[nameKey]*item),
		names:  newOrdered(compareNames),
		feed:   newFeed(),
	}
	s.publish()
	return s
}

// Close implements [store.Store]. All records are gone with it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head.Store(nil)
	s.byID, s.byName, s.names, s.expiry, s.feed = nil, nil, nil, calendar{}, feed{}
	s.wakeAll()
	return nil
}

func (s *Store) publish() {
	head := s.feed.cursor(s.feed.rev)
	s.head.Store(&head)
}

func (s *Store) wakeAll() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// usable returns why no call with ctx can be served, nil if it can.
func (s *Store) usable(ctx context.Context) error {
	if s.head.Load() == nil {
		return closed()
	}
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	return nil
}

func closed() error { return fmt.Errorf("memstore: %w", store.ErrClosed) }

func ended(err error) error { return fmt.Errorf("memstore: %w", err) }
