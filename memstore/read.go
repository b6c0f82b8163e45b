package memstore

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	return s.lookUp(ctx, func() *store.Record { return s.byID[id] })
}

// GetByName implements [store.Store].
func (s *Store) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return s.lookUp(ctx, func() *store.Record { return s.byName[nameKey{registry, name}] })
}

func (s *Store) lookUp(ctx context.Context, find func() *store.Record) (store.Record, error) {
	s.mu.RLock()
	err, r := s.usable(ctx), find()
	s.mu.RUnlock()
	switch {
	case err != nil:
		return store.Record{}, err
	case r == nil:
		return store.Record{}, fmt.Errorf("memstore: %w", store.ErrNotFound)
	}
	return copied(r), nil
}

// List implements [store.Store]. It returns full pages: fewer records than
// asked for are the last ones.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.usable(ctx); err != nil {
		return store.Page{}, err
	}
	if err := q.Validate(); err != nil {
		return store.Page{}, err
	}
	start, err := listStart(q)
	if err != nil {
		return store.Page{}, err
	}
	found, more, err := s.search(ctx, q, start)
	if err != nil {
		return store.Page{}, err
	}
	page := store.Page{Records: copiedAll(found)}
	if more {
		page.Next = nameKeyOf(found[len(found)-1]).mark()
	}
	return page, nil
}

// search returns at most q.Limit of the records q asks for from start on, and
// whether there are more. It jumps over registries and names that do not fit.
func (s *Store) search(ctx context.Context, q store.Query, start nameKey) (found []*store.Record, more bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, false, err
	}
	for n := s.names.ceil(start); n != nil; {
		switch key := n.key; {
		case !q.AllRegistries && key.registry != q.Registry:
			return found, false, nil
		case strings.HasPrefix(key.name, q.NamePrefix):
			if len(found) == q.Limit {
				return found, true, nil
			}
			found = append(found, s.byName[key])
			n = n.following()
		case key.name < q.NamePrefix:
			n = s.names.ceil(nameKey{key.registry, q.NamePrefix})
		default:
			n = s.names.ceil(key.nextRegistry())
		}
	}
	return found, false, nil
}

// Expired implements [store.Store].
func (s *Store) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	found, err := s.expired(ctx, until, limit)
	if err != nil {
		return nil, err
	}
	return copiedAll(found), nil
}

func (s *Store) expired(ctx context.Context, until time.Time, limit int) (found []*store.Record, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return nil, err
	}
	for n := s.expiry.first.following(); n != nil && len(found) < limit; n = n.following() {
		r := s.byID[n.key.id]
		if r.ExpiresAt.After(until) {
			break
		}
		found = append(found, r)
	}
	return found, nil
}

func copied(r *store.Record) store.Record {
	c := *r
	c.Data = bytes.Clone(r.Data)
	return c
}

func copiedAll(records []*store.Record) []store.Record {
	all := make([]store.Record, len(records))
	for i, r := range records {
		all[i] = copied(r)
	}
	return all
}
