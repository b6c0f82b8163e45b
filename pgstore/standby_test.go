package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

func TestStandbyAndFailover(t *testing.T) {
	ctx := t.Context()
	primary := testpostgres.Start(t)
	s := open(t, primary.URL(""), nil)
	r := create(t, s, 1)
	kept := head(t, s)
	other := primary.Standby(t)
	other.AwaitReplay(t, primary)

	// A standby lags, so it is asked nothing.
	onStandby := open(t, other.URL(""), nil)
	for name, call := range map[string]func(s store.Store) error{
		"Get":       func(s store.Store) error { _, err := s.Get(ctx, r.ID); return err },
		"GetByName": func(s store.Store) error { _, err := s.GetByName(ctx, r.Registry, "none"); return err },
		"List":      func(s store.Store) error { _, err := s.List(ctx, store.Query{Limit: 1}); return err },
		"List all": func(s store.Store) error {
			_, err := s.List(ctx, store.Query{AllRegistries: true, Limit: 1})
			return err
		},
		"Expired": func(s store.Store) error { _, err := s.Expired(ctx, store.MinTime, 1); return err },
		"Head":    func(s store.Store) error { _, err := s.Head(ctx); return err },
		"Changes": func(s store.Store) error { _, err := s.Changes(ctx, kept, 1); return err },
		"Put":     func(s store.Store) error { _, err := s.Put(ctx, newRecord(2)); return err },
		"Delete":  func(s store.Store) error { _, err := s.Delete(ctx, r.ID, r.Rev); return err },
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, call(onStandby), store.ErrUnavailable) })
	}
	_, err := pgstore.Open(ctx, other.URL(""), &pgstore.Options{Schema: "another"})
	require.ErrorIs(t, err, store.ErrUnavailable, "there is no schema, and none can be made")

	other.StopStreaming(t)
	create(t, s, 2)
	lost := head(t, s)
	require.NoError(t, s.Close())
	primary.Kill(t)
	other.Promote(t)

	batch, err := onStandby.Changes(ctx, kept, 10)
	require.NoError(t, err)
	require.Equal(t, store.Batch{Changes: []store.Change{}, Next: kept, CaughtUp: true}, batch)
	for i := range 3 {
		_, err = onStandby.Changes(ctx, lost, 10)
		require.ErrorIs(t, err, store.ErrCursorExpired, "its write was lost, %d others came after", i)
		create(t, onStandby, 10+i)
	}
}
