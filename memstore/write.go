package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	r.ExpiresAt = inUTC(r.ExpiresAt)
	r.Data = bytes.Clone(r.Data) // up to 1 MiB: not while others wait for the lock

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil { // it may have changed since
		return 0, err
	}
	it := s.byID[r.ID]
	if err := s.mayPut(&r, it); err != nil {
		return 0, err
	}
	if it == nil {
		it = s.newItem(&r)
	}
	s.expiry.set(it, r.ExpiresAt)
	it.Record = r
	it.Rev = s.commit(r.ID)
	return it.Rev, nil
}

// newItem returns the item for r, which has none, and puts it where r is found.
func (s *Store) newItem(r *store.Record) *item {
	it := new(item)
	s.byID[r.ID] = it
	s.byName[nameKeyOf(r)] = it
	s.names.insert(nameKeyOf(r))
	return it
}

// mayPut returns why r cannot be put where old is, nil if it can.
func (s *Store) mayPut(r *store.Record, old *item) error {
	if r.Rev == 0 {
		switch {
		case old != nil:
			return fmt.Errorf("memstore: ID: %w", store.ErrExists)
		case s.byName[nameKeyOf(r)] != nil:
			return fmt.Errorf("memstore: name: %w", store.ErrExists)
		}
		return nil
	}
	if err := standsAt(old, r.Rev); err != nil {
		return err
	}
	if nameKeyOf(&old.Record) != nameKeyOf(r) {
		return fmt.Errorf("%w: a record keeps its Registry and Name", store.ErrInvalid)
	}
	return nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if ifRev < 1 {
		return 0, fmt.Errorf("%w: ifRev is below 1", store.ErrInvalid)
	}
	old := s.byID[id]
	if err := standsAt(old, ifRev); err != nil {
		return 0, err
	}
	s.expiry.set(old, time.Time{})
	s.names.delete(nameKeyOf(&old.Record))
	delete(s.byName, nameKeyOf(&old.Record))
	delete(s.byID, id)
	return s.commit(id), nil
}

// standsAt returns why a write that rests on rev cannot change r.
func standsAt(r *item, rev store.Rev) error {
	switch {
	case r == nil:
		return fmt.Errorf("memstore: %w", store.ErrNotFound)
	case r.Rev != rev:
		return fmt.Errorf("memstore: %w: at %d, not %d", store.ErrConflict, r.Rev, rev)
	}
	return nil
}

// commit gives the write of id its revision and shows it to the world; the
// caller holds mu and has changed all else.
func (s *Store) commit(id uuid.UUID) store.Rev {
	rev := s.feed.add(id)
	s.publish()
	s.wakeAll()
	return rev
}
