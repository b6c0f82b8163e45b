package regtoken_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestWhatIsKeptRefusesNoChange: another process changed the token, and the
// front-end has yet to hear of it.
func TestWhatIsKeptRefusesNoChange(t *testing.T) {
	b := scope("repository:b:pull")
	for _, row := range []struct {
		name          string
		before        func(ctx context.Context, f *fleet, id uuid.UUID) error // as it is kept
		since         func(ctx context.Context, f *fleet, id uuid.UUID) error
		change        func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error)
		want          error
		reads, writes int64
		check         func(t *testing.T, got regtoken.Token)
	}{
		{
			name: "conflict: both changes stand",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			reads: 1, writes: 2,
			check: func(t *testing.T, got regtoken.Token) {
				require.Equal(t, regtoken.Disabled, got.Status)
				require.Equal(t, []regtoken.Scope{scope("repository:a:pull"), b}, got.Scopes)
			},
		},
		{
			name:  "deleted",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error { return f.admin.DeleteToken(ctx, id) },
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 1,
		},
		{
			name:  "deleted by both",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error { return f.admin.DeleteToken(ctx, id) },
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 1,
		},
		{
			name: "deleted though it was changed",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, b)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			reads: 1, writes: 2,
		},
		{
			name: "unchanged, by what is kept",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.RemoveAllScopes(ctx, id)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, scope("repository:a:pull"))
			},
			reads: 1, writes: 1,
			check: func(t *testing.T, got regtoken.Token) {
				require.Equal(t, []regtoken.Scope{scope("repository:a:pull")}, got.Scopes)
			},
		},
		{
			name: "unchanged, as the store says too",
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Enabled})
			},
			reads: 1, writes: 0,
		},
		{
			name: "it lacked the scope",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, b)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.RemoveScope(ctx, id, b)
			},
			reads: 1, writes: 1,
		},
		{
			name: "it would have grown too large",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, manyScopes(35_000)...)
				return err
			},
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.RemoveAllScopes(ctx, id)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				var scopes []regtoken.Scope
				for i := range 10_000 {
					scopes = append(scopes, scope(fmt.Sprintf("repository:yet/%04d:pull", i)))
				}
				return f.AddScopes(ctx, id, scopes...)
			},
			reads: 1, writes: 1,
		},
		{
			name: "it had expired",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Second)})
				return err
			},
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				f.remote.changes.set(cut)
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.ClearExpiry()})
				time.Sleep(time.Second)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			reads: 1, writes: 1,
		},
		{
			name: "deleted after its expiry",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Second)})
				return err
			},
			since: func(context.Context, *fleet, uuid.UUID) error {
				time.Sleep(time.Second)
				return nil
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 0,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			inFleet(t, regtoken.Options{CacheSize: 1000, RemovalGrace: time.Hour}, func(t *testing.T, f *fleet) {
				ctx := t.Context()
				admin, err := regtoken.NewManager(f.remote.Store, &regtoken.Options{MinLifetime: 1})
				require.NoError(t, err)
				f.admin = admin
				token, c := f.create(t, "abc")
				if row.before != nil {
					require.NoError(t, row.before(ctx, f, token.ID))
				}
				f.wantReads(t, 1, c)
				f.wantReads(t, 0, c)
				if row.since != nil {
					require.NoError(t, row.since(ctx, f, token.ID))
				}
				f.log.Take()
				f.wantCalls(t, row.reads, row.writes, func() {
					got, err := row.change(ctx, f, token.ID)
					require.ErrorIs(t, err, row.want)
					if row.check != nil {
						row.check(t, got)
					}
				})
				for _, e := range f.log.Take() {
					require.Equal(t, token.ID, e.TokenID)
					require.Equal(t, row.want == nil, e.Outcome == regtoken.Succeeded)
				}
			})
		})
	}
}

// TestRecordThatSaysMoreIsRead: an edit loses nothing of it.
func TestRecordThatSaysMoreIsRead(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, c := f.create(t, "abc")
		r, err := f.remote.Store.Get(ctx, token.ID)
		require.NoError(t, err)
		const finer = `"createdAt":"2026-03-01T12:00:00.0000001Z"`
		r.Data = regexp.MustCompile(`"createdAt":"[^"]*"`).ReplaceAll(r.Data, []byte(finer))
		_, err = f.remote.Store.Put(ctx, r)
		require.NoError(t, err)
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
		f.wantCalls(t, 1, 1, func() {
			_, err := f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		})
		r, err = f.remote.Store.Get(ctx, token.ID)
		require.NoError(t, err)
		require.Equal(t, 2, strings.Count(string(r.Data), finer), "of the token and its secret")
	})
}

// TestChangesDoWithoutWhatIsNotFresh: where a store was restored, what is kept
// may be of a revision that stands for something else now. Only the feed tells.
func TestChangesDoWithoutWhatIsNotFresh(t *testing.T) {
	for _, ended := range []string{"the feed is cut", "Run has ended"} {
		t.Run(ended, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				memory := memstore.New()
				f := &fleet{remote: &remote{Store: memory}, log: &log{}}
				var err error
				f.Manager, err = regtoken.NewManager(f.remote, nil)
				require.NoError(t, err)
				f.admin, err = regtoken.NewManager(memory, nil)
				require.NoError(t, err)
				stop := f.run(t)
				token, c := f.create(t, "abc")
				backup, err := memory.Get(ctx, token.ID)
				require.NoError(t, err)
				_, err = f.admin.AddScopes(ctx, token.ID, scope("repository:lost:pull"))
				require.NoError(t, err)
				f.wantReads(t, 1, c)

				if ended == "Run has ended" {
					stop()
				}
				f.remote.changes.set(cut)
				f.remote.head.set(cut)
				backup.Rev = 0
				f.remote.Store = memstore.New()
				_, err = f.remote.Store.Put(ctx, backup)
				require.NoError(t, err)
				f.admin, err = regtoken.NewManager(f.remote.Store, nil)
				require.NoError(t, err)
				time.Sleep(bound + 1)
				edited, err := f.admin.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled}) // at the same revision
				require.NoError(t, err)

				f.wantCalls(t, 1, 1, func() {
					got, err := f.AddScopes(ctx, token.ID, scope("repository:b:pull"))
					require.NoError(t, err)
					edited.Scopes = append(edited.Scopes, scope("repository:b:pull"))
					require.Equal(t, edited, got)
				})
			})
		})
	}
}

// TestStoreDownIsAskedOnce: a write that rests on what is kept and fails of
// itself is no reason to read.
func TestStoreDownIsAskedOnce(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.keep(t, "abc")
		for _, change := range changes {
			f.remote.write.set(cut)
			f.log.Take()
			f.wantCalls(t, 0, 1, func() {
				require.ErrorIs(t, change.change(t.Context(), f.Manager, token.ID), regtoken.ErrUnavailable, change.name)
			})
			require.Equal(t, "abc", f.log.Take()[0].TokenName)
			f.remote.write.set(through)
			f.wantReads(t, 1, c) // whatever became of it
		}
	})
}

// TestLostAcknowledgementOfAKeptChange: it is looked for, and not made twice.
func TestLostAcknowledgementOfAKeptChange(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, _ := f.keep(t, "abc")
		lose := func(apply bool) {
			f.remote.write.set(func(_ context.Context, next func() (store.Rev, error)) (store.Rev, error) {
				if apply {
					_, err := next()
					require.NoError(t, err)
				}
				return 0, fmt.Errorf("%w: %w: %w", store.ErrUnknown, store.ErrConflict, errNetwork) // one that says too much
			})
		}
		lose(true)
		var c regtoken.Credential
		f.wantCalls(t, 1, 1, func() {
			var err error
			c, err = f.RotateSecret(ctx, token.ID, 0)
			require.NoError(t, err)
		})
		f.wantReads(t, 1, c)
		lose(false)
		f.wantCalls(t, 1, 1, func() {
			_, err := f.RotateSecret(ctx, token.ID, 0)
			require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)
		})
		f.wantReads(t, 1, c)
		f.wantCalls(t, 1, 1, func() { require.ErrorIs(t, f.DeleteToken(ctx, token.ID), regtoken.ErrOutcomeUnknown) })
		lose(true)
		f.wantReads(t, 1, c)
		f.wantCalls(t, 1, 1, func() { require.NoError(t, f.DeleteToken(ctx, token.ID)) })
	})
}
