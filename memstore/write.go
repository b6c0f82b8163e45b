package memstore

import (
	"bytes"
	"context"
	"fmt"

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
	if err := s.mayPut(&r); err != nil {
		return 0, err
	}
	old := s.byID[r.ID]
	if old != nil && !old.ExpiresAt.IsZero() {
		s.expiry.delete(expiryKeyOf(old))
	}
	if old == nil {
		s.names.insert(nameKeyOf(&r))
	}
	if !r.ExpiresAt.IsZero() {
		s.expiry.insert(expiryKeyOf(&r))
	}
	s.byID[r.ID] = &r
	s.byName[nameKeyOf(&r)] = &r
	r.Rev = s.commit(r.ID)
	return r.Rev, nil
}

// mayPut returns why r cannot be put, nil if it can.
func (s *Store) mayPut(r *store.Record) error {
	old := s.byID[r.ID]
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
	if nameKeyOf(old) != nameKeyOf(r) {
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
	if !old.ExpiresAt.IsZero() {
		s.expiry.delete(expiryKeyOf(old))
	}
	s.names.delete(nameKeyOf(old))
	delete(s.byName, nameKeyOf(old))
	delete(s.byID, id)
	return s.commit(id), nil
}

// standsAt returns why a write that rests on rev cannot change r.
func standsAt(r *store.Record, rev store.Rev) error {
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
