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
	return s.lookUp(ctx, func() *item { return s.byID[id] })
}

// GetByName implements [store.Store].
func (s *Store) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return s.lookUp(ctx, func() *item { return s.byName[nameKey{registry, name}] })
}

func (s *Store) lookUp(ctx context.Context, find func() *item) (r store.Record, err error) {
	s.mu.RLock()
	err = s.usable(ctx)
	found := find()
	if found != nil {
		r = found.Record
	}
	s.mu.RUnlock()
	switch {
	case err != nil:
		return store.Record{}, err
	case found == nil:
		return store.Record{}, fmt.Errorf("memstore: %w", store.ErrNotFound)
	}
	r.Data = bytes.Clone(r.Data)
	return r, nil
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
	page := store.Page{Records: detached(found)}
	if more {
		page.Next = nameKeyOf(&found[len(found)-1]).mark()
	}
	return page, nil
}

// search returns at most q.Limit of the records q asks for from start on, and
// whether there are more. It jumps over registries and names that do not fit.
func (s *Store) search(ctx context.Context, q store.Query, start nameKey) (found []store.Record, more bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, false, err
	}
	for jumped := true; jumped; {
		jumped = false
		for key := range s.names.from(start) {
			fits := strings.HasPrefix(key.name, q.NamePrefix)
			switch {
			case !q.AllRegistries && key.registry != q.Registry:
				return found, false, nil
			case fits && len(found) == q.Limit:
				return found, true, nil
			case fits:
				found = append(found, s.byName[key].Record)
				continue
			case key.name < q.NamePrefix:
				start = nameKey{key.registry, q.NamePrefix}
			default:
				start = key.nextRegistry()
			}
			jumped = true
			break
		}
	}
	return found, false, nil
}

// Expired implements [store.Store]. Records of one instant come in no order.
func (s *Store) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	found, err := s.expired(ctx, until, limit)
	if err != nil {
		return nil, err
	}
	return detached(found), nil
}

func (s *Store) expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return nil, err
	}
	if until.After(store.MaxTime) { // milliseconds may not reach as far
		until = store.MaxTime
	}
	if until.Before(store.MinTime) {
		return nil, nil
	}
	dues := s.expiry.until(dueAt(until), limit)
	found := make([]store.Record, len(dues))
	for i, d := range dues {
		found[i] = d.item.Record
	}
	return found, nil
}

// detached gives each of records Data of its own.
func detached(records []store.Record) []store.Record {
	for i := range records {
		records[i].Data = bytes.Clone(records[i].Data)
	}
	return records
}
