package regtoken_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/store"
)

// TestOwnChangesAreHonouredAtOnce: what a Manager keeps of its own writes never
// admits what it has revoked, and others' changes reach it within the bound.
func TestOwnChangesAreHonouredAtOnce(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, c, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: "abc"})
		require.NoError(t, err)
		f.wantReads(t, 0, c) // it was kept
		next, err := f.RotateSecret(ctx, token.ID, 0)
		require.NoError(t, err)
		_, err = f.Authenticate(ctx, c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		f.wantReads(t, 0, next)
		_, err = f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		_, err = f.Authenticate(ctx, next.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		_, err = f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Enabled})
		require.NoError(t, err)
		f.wantReads(t, 0, next)

		_, err = f.admin.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		time.Sleep(bound + 1)
		_, err = f.Authenticate(ctx, next.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestWriteThatArrivesLate: its acknowledgement was lost, and before it arrived a
// login read the token and kept it. Once the write was found and acknowledged,
// nothing of that counts.
func TestWriteThatArrivesLate(t *testing.T) {
	for name, revoke := range map[string]func(ctx context.Context, f *fleet, id uuid.UUID) error{
		"edit": func(ctx context.Context, f *fleet, id uuid.UUID) error {
			_, err := f.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
			return err
		},
		"delete": func(ctx context.Context, f *fleet, id uuid.UUID) error { return f.DeleteToken(ctx, id) },
	} {
		for _, kept := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/kept=%t", name, kept), func(t *testing.T) {
				inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
					token, c := f.create(t, "abc")
					if kept {
						f.wantReads(t, 1, c)
					}
					var arrive func() (store.Rev, error)
					f.remote.write.set(func(_ context.Context, next func() (store.Rev, error)) (store.Rev, error) {
						arrive = next
						return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
					})
					looked := false
					f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
						if arrive != nil && !looked {
							looked = true
							return store.Record{}, fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
						}
						return next()
					})
					revoked := make(chan error)
					go func() { revoked <- revoke(t.Context(), f, token.ID) }()
					synctest.Wait() // until it waits to look again
					_, err := f.Authenticate(t.Context(), c.Login())
					require.NoError(t, err, "nothing is acknowledged yet")
					_, err = arrive()
					require.NoError(t, err)
					require.NoError(t, <-revoked)
					_, err = f.Authenticate(t.Context(), c.Login())
					require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				})
			})
		}
	}
}

// TestOwnWriteOvertakenIsNotKept: while a write is under way the feed tells of
// a later one, or says that it cannot tell.
func TestOwnWriteOvertakenIsNotKept(t *testing.T) {
	expired := func(context.Context, func() (store.Batch, error)) (store.Batch, error) {
		return store.Batch{}, store.ErrCursorExpired
	}
	for name, meanwhile := range map[string]func(t *testing.T, f *fleet, id uuid.UUID){
		"a later change": func(t *testing.T, f *fleet, id uuid.UUID) {
			_, err := f.admin.EditToken(t.Context(), id, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		},
		"deleted":  func(t *testing.T, f *fleet, id uuid.UUID) { require.NoError(t, f.admin.DeleteToken(t.Context(), id)) },
		"restored": func(_ *testing.T, f *fleet, _ uuid.UUID) { f.remote.changes.set(expired) },
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				token, c := f.keep(t, "abc")
				f.remote.write.set(func(_ context.Context, next func() (store.Rev, error)) (store.Rev, error) {
					rev, err := next()
					meanwhile(t, f, token.ID)
					time.Sleep(2 * poll)
					return rev, err
				})
				_, err := f.AddScopes(t.Context(), token.ID, scope("repository:b:pull"))
				require.NoError(t, err)
				require.Zero(t, f.Stats().CachedTokens)
				reads, err := f.logIn(t, c)
				require.EqualValues(t, 1, reads)
				if name != "restored" {
					require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				}
			})
		})
	}
}

// TestOwnWriteKeepsOlderReadsAway: a login that was reading the token as it was
// changed does not put it back.
func TestOwnWriteKeepsOlderReadsAway(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		read, goOn := make(chan struct{}), make(chan struct{})
		f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
			f.remote.lookUp.set(through)
			r, err := next()
			close(read)
			<-goOn
			return r, err
		})
		early := make(chan error, 1)
		go func() {
			_, err := f.Authenticate(t.Context(), c.Login())
			early <- err
		}()
		<-read
		_, err := f.RotateSecret(t.Context(), token.ID, 0)
		require.NoError(t, err)
		close(goOn)
		require.NoError(t, <-early)
		_, err = f.Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestOwnWritesDriveNothingOut: what logins ask for is not forgotten for the
// sake of what nobody has asked for yet.
func TestOwnWritesDriveNothingOut(t *testing.T) {
	const size = 8
	inFleet(t, regtoken.Options{CacheSize: size}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		var known []regtoken.Credential
		for i := range size - 1 {
			_, c := f.keep(t, fmt.Sprintf("known-%d", i))
			known = append(known, c)
		}
		first, _, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: "first"})
		require.NoError(t, err)
		for i := range size {
			_, _, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i)})
			require.NoError(t, err)
		}
		require.Zero(t, f.Stats().Evictions)
		for _, c := range known {
			f.wantReads(t, 0, c)
		}
		f.wantCalls(t, 0, 2, func() { // there is room for what takes its own place
			_, err := f.EditToken(ctx, first.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
			_, err = f.EditToken(ctx, first.ID, regtoken.Edit{Status: regtoken.Enabled})
			require.NoError(t, err)
		})
		require.Zero(t, f.Stats().Evictions)
	})
}
