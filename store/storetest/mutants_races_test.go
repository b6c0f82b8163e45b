package storetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// overlap returns once every other goroutine has come as far as it can: the
// clock of a synctest bubble stands still until all of them wait.
func overlap() { <-time.After(1) }

// overlapLonger returns once those have gone on that overlap held up.
func overlapLonger() { <-time.After(2) }

func racyCreate(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		_, byID := s.Get(ctx, r.ID)
		_, byName := s.GetByName(ctx, r.Registry, r.Name)
		free := r.Rev == 0 && errors.Is(byID, store.ErrNotFound) && errors.Is(byName, store.ErrNotFound)
		if !free {
			return s.Put(ctx, r)
		}
		overlap()
		for _, find := range []func() (store.Record, error){
			func() (store.Record, error) { return s.Get(ctx, r.ID) },
			func() (store.Record, error) { return s.GetByName(ctx, r.Registry, r.Name) },
		} {
			if old, err := find(); err == nil {
				return overwrite(ctx, s, old, r)
			}
		}
		return s.Put(ctx, r)
	}}
}

func racyReplace(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if old, err := s.Get(ctx, r.ID); err != nil || old.Rev != r.Rev {
			return s.Put(ctx, r)
		}
		overlap()
		rev, err := s.Put(ctx, r)
		for errors.Is(err, store.ErrConflict) {
			now, getErr := s.Get(ctx, r.ID)
			if getErr != nil {
				return 0, getErr
			}
			r.Rev = now.Rev
			rev, err = s.Put(ctx, r)
		}
		return rev, err
	}}
}

// racyDelete lets replacements come between its check and its act.
func racyDelete(s *memstore.Store) store.Store {
	a := &altered{Store: s}
	a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		overlap()
		return s.Put(ctx, r)
	}
	a.delete = func(s *memstore.Store, ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
		if old, err := s.Get(ctx, id); err != nil || old.Rev != ifRev {
			return s.Delete(ctx, id, ifRev)
		}
		overlapLonger()
		now, err := s.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		return s.Delete(ctx, id, now.Rev)
	}
	return a
}
