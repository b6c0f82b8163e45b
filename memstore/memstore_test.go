package memstore_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:         func(testing.TB) store.Store { return memstore.New() },
		SecondHandle: func(_ testing.TB, s store.Store) store.Store { return s },
		TrimFeed:     func(_ testing.TB, s store.Store) { memstore.TrimFeed(s.(*memstore.Store)) },
		Backup: func(_ testing.TB, s store.Store) func() store.Store {
			restore := memstore.Backup(s.(*memstore.Store))
			return func() store.Store { return restore() }
		},
	})
}

// newRecord returns a record to create, the same for the same i.
func newRecord(i int) store.Record {
	id := uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(i)))
	return store.Record{ID: id, Registry: "registry", Name: fmt.Sprintf("name-%08d", i), Data: make([]byte, 200)}
}

func TestFeedKeepsItsBound(t *testing.T) {
	ctx := t.Context()
	s := memstore.New()
	start, err := s.Head(ctx)
	require.NoError(t, err)
	r := newRecord(0)
	put := func() store.Cursor {
		r.Rev, err = s.Put(ctx, r)
		require.NoError(t, err)
		head, err := s.Head(ctx)
		require.NoError(t, err)
		return head
	}
	first := put()
	for range memstore.FeedSize - 1 {
		put()
	}
	batch, err := s.Changes(ctx, start, 2*memstore.FeedSize)
	require.NoError(t, err)
	require.Len(t, batch.Changes, memstore.FeedSize)
	require.True(t, batch.CaughtUp)

	second := put()
	_, err = s.Changes(ctx, start, 1)
	require.ErrorIs(t, err, store.ErrCursorExpired)
	batch, err = s.Changes(ctx, first, 2*memstore.FeedSize)
	require.NoError(t, err)
	require.Len(t, batch.Changes, memstore.FeedSize)
	for i, change := range batch.Changes {
		require.Equal(t, store.Rev(2+i), change.Rev)
	}
	require.Equal(t, second, batch.Next)
}

func TestHeadAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	s := memstore.New()
	_, err := s.Put(ctx, newRecord(0))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = s.Head(ctx) }))
}

func TestMarkOfAnotherQueryIsInvalid(t *testing.T) {
	ctx := t.Context()
	s := memstore.New()
	for i := range 3 {
		_, err := s.Put(ctx, newRecord(i))
		require.NoError(t, err)
	}
	page, err := s.List(ctx, store.Query{Registry: "registry", Limit: 1})
	require.NoError(t, err)
	for _, q := range []store.Query{
		{Registry: "another", After: page.Next, Limit: 1},
		{Registry: "registry", NamePrefix: "other", After: page.Next, Limit: 1},
		{Registry: "registry", After: "bmFtZQ", Limit: 1}, // a name without a registry
	} {
		_, err := s.List(ctx, q)
		require.ErrorIs(t, err, store.ErrInvalid, "%+v", q)
	}
}

func TestWait(t *testing.T) {
	for _, test := range []struct {
		name string
		wake func(s *memstore.Store, cancel context.CancelFunc) error
		want error
	}{
		{"a write", func(s *memstore.Store, _ context.CancelFunc) error {
			_, err := s.Put(context.Background(), newRecord(0))
			return err
		}, nil},
		{"Close", func(s *memstore.Store, _ context.CancelFunc) error { return s.Close() }, store.ErrClosed},
		{"the end of the context", func(_ *memstore.Store, cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := memstore.New()
				head, err := s.Head(ctx)
				require.NoError(t, err)
				const waiters = 3
				results := make(chan error, waiters)
				for range waiters {
					go func() { results <- s.Wait(ctx, head) }()
				}
				synctest.Wait()
				require.Empty(t, results, "nothing has happened yet")
				require.NoError(t, test.wake(s, cancel))
				synctest.Wait()
				require.Len(t, results, waiters)
				for range waiters {
					require.ErrorIs(t, <-results, test.want)
				}
			})
		})
	}
}
