package memstore

import (
	"context"

	"github.com/regtoken/regtoken/store"
)

// Head implements [store.Store]: one atomic read, no lock, no allocation.
func (s *Store) Head(ctx context.Context) (store.Cursor, error) {
	head := s.head.Load()
	if head == nil {
		return "", closed()
	}
	if err := ctx.Err(); err != nil {
		return "", ended(err)
	}
	return *head, nil
}

// HeadIsLocal implements [store.LocalHead]: true.
func (s *Store) HeadIsLocal() bool { return true }

// Changes implements [store.Store]. The feed holds [FeedSize] changes.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return store.Batch{}, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return store.Batch{}, err
	}
	rev, err := s.feed.revOf(after)
	if err != nil {
		return store.Batch{}, err
	}
	return s.feed.since(rev, limit), nil
}

// Wait implements [store.Waiter]. After any cursor but that of Head it returns
// at once: what it means is for Changes to say.
func (s *Store) Wait(ctx context.Context, after store.Cursor) error {
	wake, err := s.nextWrite(ctx, after)
	if wake == nil {
		return err
	}
	select {
	case <-wake:
		return s.usable(ctx)
	case <-ctx.Done():
		return ended(ctx.Err())
	}
}

// nextWrite returns what the next write closes, nil if after is not the
// cursor of Head or the store cannot be used.
func (s *Store) nextWrite(ctx context.Context, after store.Cursor) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if *s.head.Load() != after {
		return nil, nil
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return s.wake, nil
}
