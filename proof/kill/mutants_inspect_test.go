package kill_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A torn store holds half of some write: one of its answers does not agree with
// the others.
type torn struct {
	*memstore.Store
	target, deleted store.Record

	get       func(r store.Record, err error) (store.Record, error) // of target or deleted
	getByName func(r store.Record, err error) (store.Record, error) // likewise
	list      func(records []store.Record) []store.Record
	expired   func(records []store.Record) []store.Record
	changes   func(b store.Batch) store.Batch
	head      func(c store.Cursor) store.Cursor
}

func (s *torn) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	r, err := s.Store.Get(ctx, id)
	if s.get != nil && (id == s.target.ID || id == s.deleted.ID) {
		return s.get(r, err)
	}
	return r, err
}

func (s *torn) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	r, err := s.Store.GetByName(ctx, registry, name)
	if s.getByName != nil && (name == s.target.Name || name == s.deleted.Name) {
		return s.getByName(r, err)
	}
	return r, err
}

func (s *torn) List(ctx context.Context, q store.Query) (store.Page, error) {
	page, err := s.Store.List(ctx, q)
	if s.list != nil {
		page.Records = s.list(page.Records)
	}
	return page, err
}

func (s *torn) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	records, err := s.Store.Expired(ctx, until, limit)
	if s.expired != nil {
		records = s.expired(records)
	}
	return records, err
}

func (s *torn) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	b, err := s.Store.Changes(ctx, after, limit)
	if s.changes != nil {
		b = s.changes(b)
	}
	return b, err
}

func (s *torn) Head(ctx context.Context) (store.Cursor, error) {
	c, err := s.Store.Head(ctx)
	if s.head != nil {
		c = s.head(c)
	}
	return c, err
}

// TestInspectFindsMutants looks at stores that hold half of a write.
func TestInspectFindsMutants(t *testing.T) {
	without := func(target store.Record) func([]store.Record) []store.Record {
		return func(records []store.Record) []store.Record {
			return slices.DeleteFunc(records, func(r store.Record) bool { return r.ID == target.ID })
		}
	}
	missing := func(store.Record, error) (store.Record, error) { return store.Record{}, store.ErrNotFound }
	ghost := func(s *torn) func(store.Record, error) (store.Record, error) {
		return func(r store.Record, err error) (store.Record, error) {
			if err != nil {
				return s.deleted, nil
			}
			return r, nil
		}
	}
	for name, mutant := range map[string]struct {
		tear  func(s *torn, before *picture)
		found string
	}{
		"nothing wrong":                {func(*torn, *picture) {}, ""},
		"a token without its name":     {func(s *torn, _ *picture) { s.getByName = missing }, "is by its name"},
		"a token that is listed only":  {func(s *torn, _ *picture) { s.get = missing }, "is by its ID"},
		"a token that is not listed":   {func(s *torn, _ *picture) { s.list = without(s.target) }, "is not listed"},
		"a token without its expiry":   {func(s *torn, _ *picture) { s.expired = without(s.target) }, "Expired("},
		"a name without a token":       {func(s *torn, _ *picture) { s.getByName = ghost(s) }, "there by its name"},
		"an ID that was deleted":       {func(s *torn, _ *picture) { s.get = ghost(s) }, "there by its ID"},
		"a change the feed lacks":      {func(s *torn, _ *picture) { s.changes = s.withoutChangesOf(s.target) }, "is silent of"},
		"a deletion the feed lacks":    {func(s *torn, _ *picture) { s.changes = s.withoutChangesOf(s.deleted) }, "silent of the end of"},
		"a change that did not happen": {func(s *torn, before *picture) { before.records[s.target.ID] = s.target }, "which is as it was"},
		"a head that is behind": {func(s *torn, before *picture) {
			s.head = func(store.Cursor) store.Cursor { return before.cursor }
		}, "behind Head"},
		"a token of an older revision": {func(s *torn, _ *picture) {
			s.get = func(r store.Record, err error) (store.Record, error) {
				r.Rev--
				return r, err
			}
		}, "is by its ID"},
		"an expiry without a token": {func(s *torn, _ *picture) {
			s.expired = func(records []store.Record) []store.Record { return append(records, s.deleted) }
		}, "Expired("},
		"a feed that repeats itself": {func(s *torn, _ *picture) {
			s.changes = func(b store.Batch) store.Batch {
				b.Changes = append(b.Changes, b.Changes...)
				return b
			}
		}, "the feed tells of revision"},
	} {
		t.Run(name, func(t *testing.T) {
			s, before := newTorn(t)
			mutant.tear(s, before)
			_, err := inspect(t.Context(), s, before)
			err = errors.Join(err, checkFree(t.Context(), s, s.deleted.Name))
			requireFound(t, err, mutant.found)
		})
	}
}

func (s *torn) withoutChangesOf(target store.Record) func(b store.Batch) store.Batch {
	return func(b store.Batch) store.Batch {
		b.Changes = slices.DeleteFunc(b.Changes, func(c store.Change) bool { return c.ID == target.ID })
		return b
	}
}

// newTorn returns a store that is whole, and the picture before the writes of
// target and of the deletion of deleted.
func newTorn(t *testing.T) (*torn, *picture) {
	t.Helper()
	ctx := t.Context()
	s := &torn{Store: memstore.New()}
	put := func(name string) store.Record {
		r := store.Record{ID: uuid.New(), Name: name, Data: []byte(name), ExpiresAt: store.MaxTime}
		var err error
		r.Rev, err = s.Put(ctx, r)
		require.NoError(t, err)
		return r
	}
	for i := range 9 {
		put(fmt.Sprintf("abc-%d", i))
	}
	s.deleted = put("deleted")
	before, err := inspect(ctx, s, nil)
	require.NoError(t, err)
	_, err = s.Delete(ctx, s.deleted.ID, s.deleted.Rev)
	require.NoError(t, err)
	s.target = put("target")
	return s, before
}
