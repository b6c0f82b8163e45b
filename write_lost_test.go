package regtoken_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/store"
)

func TestLostAcknowledgementOfCreate(t *testing.T) {
	r, h := hookedRig(t)
	h.put = once(lost)
	token, c := r.create(t, regtoken.TokenSpec{Name: "arrived"})
	_, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err, "as if nothing had happened")
	stored, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, token, stored)

	h.put = once(dropped)
	_, c, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "dropped"})
	require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)
	require.ErrorIs(t, err, errNetwork)
	require.NotErrorIs(t, err, regtoken.ErrUnavailable)
	require.Empty(t, c.Password.Reveal())

	h.put = once(failWith(errors.New("not an error of the port")))
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "foreign"})
	require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown, "an error that promises nothing")
}

func TestLostAcknowledgementAndFailingReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := hookedRig(t)
		begin, outage := time.Now(), time.Second
		h.put = once(lost)
		h.read = func(context.Context) error {
			if time.Since(begin) < outage {
				return fmt.Errorf("%w: down", store.ErrUnavailable)
			}
			return nil
		}
		r.create(t, regtoken.TokenSpec{Name: "found-later"})

		begin, outage = time.Now(), time.Hour
		h.put = once(lost)
		r.log.Take()
		_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "not-found", Owner: "me"})
		require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown, "reading it again failed")
		require.Equal(t, 5*time.Second, time.Since(begin).Round(time.Second))
		told := r.log.Take()[0]
		begin = time.Time{}
		_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "not-found"})
		require.ErrorIs(t, err, regtoken.ErrNameTaken, "a retry makes no second token")
		token, err := r.TokenByName(t.Context(), "not-found")
		require.NoError(t, err)
		require.Equal(t, []any{token.ID, "me"}, []any{told.TokenID, told.Owner}, "what an operator needs to look for it")
	})
}

// A store that hands on the error of a context although it did write.
func TestWriteWhoseContextEndedOnTheWay(t *testing.T) {
	r, h := hookedRig(t)
	token, old := r.create(t, regtoken.TokenSpec{Name: "rotated"})
	h.put = once(func(_ context.Context, _ store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		_, err := next()
		require.NoError(t, err)
		return 0, context.Canceled
	})
	c, err := r.RotateSecret(t.Context(), token.ID, 0)
	require.NoError(t, err)
	_, err = r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err, "the new secret is not lost")
	_, err = r.Authenticate(t.Context(), old.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)

	h.put = failWith(context.Canceled)
	_, err = r.RotateSecret(t.Context(), token.ID, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, regtoken.ErrUnavailable, "by the port's word")

	synctest.Test(t, func(t *testing.T) {
		h.read = func(context.Context) error { return nil }
		h.put = func(context.Context, store.Record, func() (store.Rev, error)) (store.Rev, error) {
			h.read = func(context.Context) error { return fmt.Errorf("%w: down", store.ErrUnavailable) }
			return 0, context.Canceled
		}
		begin := time.Now()
		_, err = r.RotateSecret(t.Context(), token.ID, 0)
		require.ErrorIs(t, err, regtoken.ErrUnavailable)
		require.Zero(t, time.Since(begin), "nobody waits for a caller who left")
	})
}

func TestLostAcknowledgementAfterTheCallerLeft(t *testing.T) {
	r, h := hookedRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.put = once(func(ctx context.Context, rec store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		rev, err := lost(ctx, rec, next)
		cancel()
		return rev, err
	})
	_, _, err := r.CreateToken(ctx, regtoken.TokenSpec{Name: "arrived"})
	require.NoError(t, err, "the write was found although the context had ended")
}

func TestLostAcknowledgementOfChange(t *testing.T) {
	r, h := hookedRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "changed"})
	h.put = once(lost)
	_, err := r.AddScopes(t.Context(), token.ID, scope("repository:a:pull"))
	require.NoError(t, err)

	h.put = once(lost)
	c, err := r.RotateSecret(t.Context(), token.ID, 0)
	require.NoError(t, err)
	_, err = r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err, "the credential returned is the one that was written")

	h.put = once(dropped)
	_, err = r.AddScopes(t.Context(), token.ID, scope("repository:b:pull"))
	require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)

	// Ours arrives, and another writer's on top of it, before it is looked for.
	h.put = once(func(ctx context.Context, rec store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		rev, err := lost(ctx, rec, next)
		_, editErr := r.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, editErr)
		return rev, err
	})
	_, err = r.AddScopes(t.Context(), token.ID, scope("repository:c:pull"))
	require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)
	// A rotation is recognised all the same, by its secret.
	h.put = once(func(ctx context.Context, rec store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		rev, err := lost(ctx, rec, next)
		_, editErr := r.EditToken(ctx, token.ID, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Hour)})
		require.NoError(t, editErr)
		return rev, err
	})
	c, err = r.RotateSecret(t.Context(), token.ID, 0)
	require.NoError(t, err)
	g, err := r.GrantFor(t.Context(), token.ID, c.SecretID)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated, "disabled by the other writer")
	require.Nil(t, g)
	stored, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, regtoken.Disabled, stored.Status)
	require.Equal(t, []regtoken.Scope{scope("repository:a:pull"), scope("repository:c:pull")}, stored.Scopes)
}

func TestLostAcknowledgementOfDelete(t *testing.T) {
	r, h := hookedRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "deleted"})
	unknown := fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
	type hook = func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error)
	onceOnly := func(do hook) hook {
		done := false
		return func(ctx context.Context, id uuid.UUID, rev store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
			if done {
				return next()
			}
			done = true
			return do(ctx, id, rev, next)
		}
	}
	h.remove = onceOnly(func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error) {
		return 0, unknown
	})
	require.ErrorIs(t, r.DeleteToken(t.Context(), token.ID), regtoken.ErrOutcomeUnknown, "it may yet arrive")

	// The token is found at another revision: the lost delete can never arrive.
	h.remove = onceOnly(func(ctx context.Context, id uuid.UUID, _ store.Rev, _ func() (store.Rev, error)) (store.Rev, error) {
		_, err := r.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		return 0, unknown
	})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID), "deleted at its new revision")
	_, err := r.Token(t.Context(), token.ID)
	require.ErrorIs(t, err, regtoken.ErrNotFound)

	token, _ = r.create(t, regtoken.TokenSpec{Name: "deleted"})
	h.remove = onceOnly(func(_ context.Context, _ uuid.UUID, _ store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
		_, err := next()
		require.NoError(t, err)
		return 0, unknown
	})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID), "it is gone")
}
