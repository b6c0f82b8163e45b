package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// altered is a memstore with some of its methods replaced. A replacement is
// given the memstore, to do as it would and then spoil it.
type altered struct {
	*memstore.Store
	get       func(*memstore.Store, context.Context, uuid.UUID) (store.Record, error)
	getByName func(*memstore.Store, context.Context, string, string) (store.Record, error)
	list      func(*memstore.Store, context.Context, store.Query) (store.Page, error)
	expired   func(*memstore.Store, context.Context, time.Time, int) ([]store.Record, error)
	put       func(*memstore.Store, context.Context, store.Record) (store.Rev, error)
	delete    func(*memstore.Store, context.Context, uuid.UUID, store.Rev) (store.Rev, error)
	wait      func(*memstore.Store, context.Context, store.Cursor) error
	close     func(*memstore.Store) error
}

func (a *altered) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if a.get != nil {
		return a.get(a.Store, ctx, id)
	}
	return a.Store.Get(ctx, id)
}

func (a *altered) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if a.getByName != nil {
		return a.getByName(a.Store, ctx, registry, name)
	}
	return a.Store.GetByName(ctx, registry, name)
}

func (a *altered) List(ctx context.Context, q store.Query) (store.Page, error) {
	if a.list != nil {
		return a.list(a.Store, ctx, q)
	}
	return a.Store.List(ctx, q)
}

func (a *altered) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if a.expired != nil {
		return a.expired(a.Store, ctx, until, limit)
	}
	return a.Store.Expired(ctx, until, limit)
}

func (a *altered) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if a.put != nil {
		return a.put(a.Store, ctx, r)
	}
	return a.Store.Put(ctx, r)
}

func (a *altered) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	if a.delete != nil {
		return a.delete(a.Store, ctx, id, ifRev)
	}
	return a.Store.Delete(ctx, id, ifRev)
}

func (a *altered) Wait(ctx context.Context, after store.Cursor) error {
	if a.wait != nil {
		return a.wait(a.Store, ctx, after)
	}
	return a.Store.Wait(ctx, after)
}

func (a *altered) Close() error {
	if a.close != nil {
		return a.close(a.Store)
	}
	return a.Store.Close()
}

// putting returns a memstore that puts what change makes of each record.
func putting(s *memstore.Store, change func(*store.Record)) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		change(&r)
		return s.Put(ctx, r)
	}}
}

func textColumn(s *memstore.Store) store.Store {
	return putting(s, func(r *store.Record) { r.Data = bytes.ToValidUTF8(r.Data, []byte("?")) })
}

func minTimeIsNever(s *memstore.Store) store.Store {
	return putting(s, func(r *store.Record) {
		if r.ExpiresAt.Equal(store.MinTime) {
			r.ExpiresAt = time.Time{}
		}
	})
}

func roundsExpiry(s *memstore.Store) store.Store {
	return putting(s, func(r *store.Record) { r.ExpiresAt = r.ExpiresAt.Truncate(time.Millisecond) })
}

func aliasesIn(s *memstore.Store) store.Store {
	callers := make(map[uuid.UUID][]byte)
	a := &altered{Store: s}
	a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		callers[r.ID] = r.Data
		return s.Put(ctx, r)
	}
	a.get = func(s *memstore.Store, ctx context.Context, id uuid.UUID) (store.Record, error) {
		r, err := s.Get(ctx, id)
		r.Data = bytes.Clone(callers[id])
		return r, err
	}
	return a
}

func aliasesOut(s *memstore.Store) store.Store {
	own := make(map[store.Rev][]byte)
	return &altered{Store: s, expired: func(s *memstore.Store, ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
		records, err := s.Expired(ctx, until, limit)
		for i, r := range records {
			if own[r.Rev] == nil {
				own[r.Rev] = r.Data
			}
			records[i].Data = own[r.Rev]
		}
		return records, err
	}}
}

// overwrite puts r over whatever old stands in its way.
func overwrite(ctx context.Context, s *memstore.Store, old, r store.Record) (store.Rev, error) {
	if _, err := s.Delete(ctx, old.ID, old.Rev); err != nil {
		return 0, err
	}
	r.Rev = 0
	return s.Put(ctx, r)
}

func upsertsID(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if old, err := s.Get(ctx, r.ID); err == nil && r.Rev == 0 {
			return overwrite(ctx, s, old, r)
		}
		return s.Put(ctx, r)
	}}
}

func upsertsName(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if old, err := s.GetByName(ctx, r.Registry, r.Name); err == nil && r.Rev == 0 {
			return overwrite(ctx, s, old, r)
		}
		return s.Put(ctx, r)
	}}
}

func foldsCase(s *memstore.Store) store.Store {
	taken := make(map[string]bool)
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		folded := strings.ToLower(r.Registry + "\x00" + r.Name)
		if r.Rev == 0 && taken[folded] {
			return 0, store.ErrExists
		}
		taken[folded] = true
		return s.Put(ctx, r)
	}}
}

func trimsSpaces(s *memstore.Store) store.Store {
	return &altered{Store: s, getByName: func(s *memstore.Store, ctx context.Context, registry, name string) (store.Record, error) {
		r, err := s.GetByName(ctx, registry, name)
		if errors.Is(err, store.ErrNotFound) {
			return s.GetByName(ctx, registry, strings.TrimRight(name, " "))
		}
		return r, err
	}}
}

func renames(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		old, err := s.Get(ctx, r.ID)
		if err == nil && r.Rev == old.Rev && (r.Name != old.Name || r.Registry != old.Registry) {
			return overwrite(ctx, s, old, r)
		}
		return s.Put(ctx, r)
	}}
}

func replacesAny(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if old, err := s.Get(ctx, r.ID); err == nil && r.Rev != 0 {
			r.Rev = old.Rev
		}
		return s.Put(ctx, r)
	}}
}

func replaceCreates(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		if _, err := s.Get(ctx, r.ID); errors.Is(err, store.ErrNotFound) {
			r.Rev = 0
		}
		return s.Put(ctx, r)
	}}
}

func deletesAny(s *memstore.Store) store.Store {
	return &altered{Store: s, delete: func(s *memstore.Store, ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
		if old, err := s.Get(ctx, id); err == nil {
			ifRev = old.Rev
		}
		return s.Delete(ctx, id, ifRev)
	}}
}

// revPerRecord counts each record's revisions from one.
func revPerRecord(s *memstore.Store) store.Store {
	shown := make(map[uuid.UUID]store.Rev) // of the record that stands
	a := &altered{Store: s}
	a.get = func(s *memstore.Store, ctx context.Context, id uuid.UUID) (store.Record, error) {
		r, err := s.Get(ctx, id)
		r.Rev = shown[id]
		return r, err
	}
	// inner returns the memstore's revision where the shown one is rev.
	inner := func(ctx context.Context, id uuid.UUID, rev store.Rev) store.Rev {
		r, err := s.Get(ctx, id)
		if err != nil || rev != shown[id] {
			return rev + 1_000_000 // where no record stands
		}
		return r.Rev
	}
	a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		was := r.Rev
		if was != 0 {
			r.Rev = inner(ctx, r.ID, was)
		}
		if _, err := s.Put(ctx, r); err != nil {
			return 0, err
		}
		shown[r.ID] = was + 1
		return was + 1, nil
	}
	a.delete = func(s *memstore.Store, ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
		if _, err := s.Delete(ctx, id, inner(ctx, id, ifRev)); err != nil {
			return 0, err
		}
		return ifRev + 1, nil
	}
	return a
}

// cachingHandles are handles that remember what they read, and forget only
// what they write themselves.
func cachingHandles() storetest.Harness {
	caching := func(s *memstore.Store) *altered {
		var mu sync.Mutex
		cache := make(map[uuid.UUID]store.Record)
		a := &altered{Store: s}
		a.get = func(s *memstore.Store, ctx context.Context, id uuid.UUID) (store.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			if r, ok := cache[id]; ok {
				return r, nil
			}
			r, err := s.Get(ctx, id)
			if err == nil {
				cache[id] = r
			}
			return r, err
		}
		a.put = func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
			mu.Lock()
			defer mu.Unlock()
			delete(cache, r.ID)
			return s.Put(ctx, r)
		}
		return a
	}
	h := mutant(func(s *memstore.Store) store.Store { return caching(s) })
	delete(h.Without, storetest.SecondHandle)
	h.SecondHandle = func(_ testing.TB, s store.Store) store.Store { return caching(s.(*altered).Store) }
	return h
}

func ignoresContext(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		return s.Put(context.WithoutCancel(ctx), r)
	}}
}

func looksTooLate(s *memstore.Store) store.Store {
	return &altered{Store: s, put: func(s *memstore.Store, ctx context.Context, r store.Record) (store.Rev, error) {
		rev, err := s.Put(context.WithoutCancel(ctx), r)
		return rev, errors.Join(err, ctx.Err())
	}}
}

func neverCloses(s *memstore.Store) store.Store {
	return &altered{Store: s, close: func(*memstore.Store) error { return nil }}
}
