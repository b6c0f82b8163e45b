package regtoken

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/flat"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestWrittenIsKeptAsItWouldBeRead: nothing is lost or added where a token is
// kept without having been read.
func TestWrittenIsKeptAsItWouldBeRead(t *testing.T) {
	ctx := t.Context()
	m, err := NewManager(struct{ store.Store }{memstore.New()}, nil) // whose head is not said to be local
	require.NoError(t, err)
	require.NoError(t, m.live.reset(ctx))
	view := m.Registry("emea")
	token, _, err := view.CreateToken(ctx, TokenSpec{Name: "abc", Owner: "me", Scopes: []Scope{RegistryScope("*")}})
	require.NoError(t, err)
	for _, change := range []struct {
		name string
		make func() error
	}{
		{"created", func() error { return nil }},
		{"edited", func() error { _, err := view.EditToken(ctx, token.ID, Edit{Status: Disabled}); return err }},
		{"expires", func() error {
			_, err := view.EditToken(ctx, token.ID, Edit{Expiry: SetLifetime(time.Hour + 1)})
			return err
		}},
		{"rotated", func() error { _, err := view.RotateSecret(ctx, token.ID, time.Minute+1); return err }},
		{"widened", func() error {
			_, err := view.AddScopes(ctx, token.ID, RepositoryScope("a/*", Pull|Push), RegistryScope("b"))
			return err
		}},
		{"narrowed", func() error { _, err := view.RemoveAllScopes(ctx, token.ID); return err }},
	} {
		t.Run(change.name, func(t *testing.T) {
			require.NoError(t, change.make())
			r, err := m.store.Get(ctx, token.ID)
			require.NoError(t, err)
			read, err := newSnapshot(r)
			require.NoError(t, err)
			kept := m.live.getByID(token.ID)
			require.False(t, kept.IsNone())
			require.Equal(t, read.Payload(), kept.Payload())
			require.Equal(t, []any{read.Rev(), read.ID(), read.Key()}, []any{kept.Rev(), kept.ID(), kept.Key()})
			require.Same(t, read.Value(), kept.Value())
			require.Equal(t, kept.Record, m.live.tokens.Get(flat.Key{First: "emea", Second: "abc"}))
		})
	}
}

// TestManyWritesUnderWay: one that is under way is no matter to those of other
// tokens, however many.
func TestManyWritesUnderWay(t *testing.T) {
	c := newCache(10)
	mine, other := newID(time.Now()), newID(time.Now())
	first, second, others := c.beginWrite(mine), c.beginWrite(mine), c.beginWrite(other)
	c.changed(store.Change{ID: mine, Rev: 7})
	require.Equal(t, store.Rev(7), first.changed[mine])
	require.Equal(t, store.Rev(7), second.changed[mine])
	require.Empty(t, others.changed)
	c.wrote(mine, first, snapshot{})
	require.Equal(t, ownWrite, second.changed[mine])
	c.clear()
	require.True(t, second.poisoned && others.poisoned)
	c.wrote(mine, second, snapshot{})
	c.wrote(other, others, snapshot{})
	c.wrote(other, nil, snapshot{})
	require.Empty(t, c.writes)
}
