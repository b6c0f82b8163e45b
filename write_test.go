package regtoken_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// hookedRig is a rig whose store has hooks.
func hookedRig(t testing.TB) (*rig, *hooked) {
	h := &hooked{Store: memstore.New()}
	return newRig(t, func(r *rig, _ *regtoken.Options) { r.store = h }), h
}

type putHook = func(context.Context, store.Record, func() (store.Rev, error)) (store.Rev, error)

// once lets a hook act on the next call only.
func once(hook putHook) putHook {
	done := false
	return func(ctx context.Context, r store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		if done {
			return next()
		}
		done = true
		return hook(ctx, r, next)
	}
}

// lost applies the write and loses the acknowledgement.
func lost(_ context.Context, _ store.Record, next func() (store.Rev, error)) (store.Rev, error) {
	if _, err := next(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
}

// dropped loses the write itself.
func dropped(context.Context, store.Record, func() (store.Rev, error)) (store.Rev, error) {
	return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
}

func failWith(err error) putHook {
	return func(context.Context, store.Record, func() (store.Rev, error)) (store.Rev, error) { return 0, err }
}

// A create has nothing to conflict with; a store that says so is out of order.
func TestCreateConflict(t *testing.T) {
	r, h := hookedRig(t)
	h.put = failWith(fmt.Errorf("%w: with what?", store.ErrConflict))
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "conflicting"})
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
}

// Something on the way to the store tried twice, and met itself.
func TestCreateThatMeetsItself(t *testing.T) {
	r, h := hookedRig(t)
	h.put = once(func(_ context.Context, _ store.Record, next func() (store.Rev, error)) (store.Rev, error) {
		_, err := next()
		require.NoError(t, err)
		return next()
	})
	_, c := r.create(t, regtoken.TokenSpec{Name: "twice"})
	_, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
}

// A store that breaks the port's promises gives nothing away.
func TestStoreThatReturnsWhatWasNotAsked(t *testing.T) {
	r, h := hookedRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "case"})
	_, _, err := r.Registry("team-b").CreateToken(t.Context(), regtoken.TokenSpec{Name: "hidden"})
	require.NoError(t, err)
	h.fold = true
	_, err = r.Authenticate(t.Context(), regtoken.Login{Name: "cASE", Password: c.Password})
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	require.Equal(t, []string{"case"}, names(t, r.Manager, regtoken.Filter{}))
}

// A name is held by an expired token whose removal is not acknowledged: the new
// token surely was not made.
func TestCreateWhenTheExpiredHolderCannotBeRemoved(t *testing.T) {
	r, h := hookedRig(t)
	r.create(t, regtoken.TokenSpec{Name: "reused", Expiry: start.Add(time.Hour)})
	r.clock.Advance(time.Hour)
	h.remove = func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error) {
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
	}
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "reused"})
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	require.NotErrorIs(t, err, regtoken.ErrOutcomeUnknown)
	h.remove = nil
	r.create(t, regtoken.TokenSpec{Name: "reused"})
}

func TestStoreUnavailable(t *testing.T) {
	r, h := hookedRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "waiting"})
	down := fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
	ctx, cancelled := t.Context(), func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}()
	calls := map[string]func(ctx context.Context) error{
		"CreateToken": func(ctx context.Context) error {
			_, _, err := r.CreateToken(ctx, regtoken.TokenSpec{Name: "new"})
			return err
		},
		"Token":       func(ctx context.Context) error { _, err := r.Token(ctx, token.ID); return err },
		"TokenByName": func(ctx context.Context) error { _, err := r.TokenByName(ctx, "waiting"); return err },
		"EditToken": func(ctx context.Context) error {
			_, err := r.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
			return err
		},
		"RotateSecret": func(ctx context.Context) error { _, err := r.RotateSecret(ctx, token.ID, 0); return err },
		"DeleteToken":  func(ctx context.Context) error { return r.DeleteToken(ctx, token.ID) },
		"Authenticate": func(ctx context.Context) error { _, err := r.Authenticate(ctx, c.Login()); return err },
		"GrantFor":     func(ctx context.Context) error { _, err := r.GrantFor(ctx, token.ID, c.SecretID); return err },
		"Sweep":        func(ctx context.Context) error { _, err := r.Sweep(ctx); return err },
		"Tokens": func(ctx context.Context) error {
			for _, err := range r.Tokens(ctx, regtoken.Filter{}) {
				return err
			}
			return nil
		},
	}
	for name, call := range calls {
		err := call(cancelled)
		require.ErrorIs(t, err, regtoken.ErrUnavailable, name)
		require.ErrorIs(t, err, context.Canceled, name)
	}
	h.read = func(context.Context) error { return down }
	h.put = failWith(down)
	for name, call := range calls {
		err := call(ctx)
		require.ErrorIs(t, err, regtoken.ErrUnavailable, name)
		require.ErrorIs(t, err, errNetwork, name)
		require.NotErrorIs(t, err, regtoken.ErrUnauthenticated, name)
	}
	h.read = nil
	_, err := r.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	h.put = nil

	stored, err := r.Token(ctx, token.ID)
	require.NoError(t, err)
	require.Equal(t, token, stored, "nothing changed")
	require.Equal(t, []string{"waiting"}, names(t, r.Manager, regtoken.Filter{}))

	require.NoError(t, h.Close())
	_, err = r.Authenticate(ctx, c.Login())
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	require.ErrorIs(t, err, store.ErrClosed)
}

// Junk never reaches the store.
func TestJunkLoginsSpareTheStore(t *testing.T) {
	r, h := hookedRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "known"})
	h.Calls()
	for _, login := range []regtoken.Login{
		{Name: "known"},
		{Name: "known", Password: regtoken.NewPassword("rgt_" + "0123456789ABCDEFGHIJKLMNOPQRSTUV" + "000000")},
		{Name: "K", Password: c.Password},
	} {
		_, err := r.Authenticate(t.Context(), login)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	}
	require.Empty(t, h.Calls())
}

func TestConflictForever(t *testing.T) {
	r, h := hookedRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "contended", Owner: "me"})
	r.log.Take()
	h.put = failWith(fmt.Errorf("%w: by the hook", store.ErrConflict))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	h.remove = func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error) {
		return 0, store.ErrConflict
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.DeleteToken(ctx, token.ID), context.DeadlineExceeded)

	events := r.log.Take()
	require.Len(t, events, 2)
	for _, e := range events {
		require.Equal(t, regtoken.Failed, e.Outcome)
		require.Equal(t, []any{token.ID, "contended", "me"}, []any{e.TokenID, e.TokenName, e.Owner})
	}
}

// A record that cannot be understood in full is refused, never half read.
func TestUnreadableRecords(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "future", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	record, err := r.store.Get(t.Context(), token.ID)
	require.NoError(t, err)
	good := string(record.Data)
	for _, row := range []struct{ data, says string }{
		{`{"v":2,"secrets":[],"new":true}`, "version 2; this library reads version 1"},
		{`{"v":0}`, "version 0"},
		{``, "EOF"},
		{`{}`, "version 0"},
		{`null`, "version 0"},
		{good + `{}`, "data behind the end"},
		{good[:len(good)-1], "unexpected EOF"},
		{good[:len(good)-1] + `,"more":1}`, "unknown field"},
		{`{"v":1,"createdAt":"2026-03-01T12:00:00Z"}`, "0 secrets"},
		{`{"v":1,"secrets":[{"id":"019ca945-0a00-7000-8000-000000000002","sha256":"AAAA"}]}`, "digest"},
		{`{"v":1,"secrets":[{"sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`, "no ID"},
		{strings.Replace(good, `"createdAt":"2026-03-01T12:00:00Z"}]`, `"createdAt":"2026-03-01T12:00:00Z","expiresAt":"2026-03-01T13:00:00Z"}]`, 1), "must end"},
		{strings.Replace(good, `"repository:a:pull"`, "null", 1), "scope 0 is missing"},
		{`{"v":1,"secrets":[{"sha256":"AAAA"},{},{}]}`, "3 secrets"},
		{`{"v":1,"scopes":["repository:a:push"],"secrets":[]}`, "actions"},
		{`{"v":1,"scopes":["repository:**:pull"],"secrets":[]}`, "path"},
	} {
		record.Data = []byte(row.data)
		record.Rev, err = r.store.Put(t.Context(), record)
		require.NoError(t, err)

		_, err = r.Token(t.Context(), token.ID)
		require.ErrorIs(t, err, regtoken.ErrUnavailable, row.data)
		require.ErrorContains(t, err, row.says)
		require.ErrorContains(t, err, token.ID.String())
		require.NotErrorIs(t, err, regtoken.ErrInvalid, "no fault of an input")
		_, err = r.Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnavailable)
		_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.ErrorIs(t, err, regtoken.ErrUnavailable)
		stored, err := r.store.Get(t.Context(), token.ID)
		require.NoError(t, err)
		require.Equal(t, row.data, string(stored.Data), "nothing of it is lost")
	}
	// It does not hide the others, and can be deleted.
	r.create(t, regtoken.TokenSpec{Name: "readable"})
	var failed, listed int
	for listedToken, err := range r.Tokens(t.Context(), regtoken.Filter{}) {
		if err != nil {
			failed++
			require.Equal(t, regtoken.Token{ID: token.ID, Name: "future"}, listedToken, "enough to delete it by")
		} else {
			listed++
		}
	}
	require.Equal(t, []int{1, 1}, []int{failed, listed})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID))
}

// The encoding is a promise to every store that holds one.
func TestRecordEncodingV1(t *testing.T) {
	r := newRig(t)
	const id, secretID, oldID = "019ca945-0a00-7000-8000-000000000001", "019ca945-0a00-7000-8000-000000000002", "019ca945-0a00-7000-8000-000000000003"
	data := `{"v":1,"createdAt":"2026-03-01T12:00:00Z","owner":"me","disabled":true,"scopes":["repository:a:pull","registry:*:list"],"secrets":[` +
		`{"id":"` + secretID + `","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","createdAt":"2026-03-01T12:00:00Z"},` +
		`{"id":"` + oldID + `","sha256":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","createdAt":"2026-03-01T11:00:00Z","expiresAt":"2026-03-01T13:00:00Z"}]}`
	_, err := r.store.Put(t.Context(), store.Record{ID: uuid.MustParse(id), Name: "from-v1", Data: []byte(data)})
	require.NoError(t, err)
	token, err := r.TokenByName(t.Context(), "from-v1")
	require.NoError(t, err)
	require.Equal(t, regtoken.Token{
		ID: uuid.MustParse(id), Name: "from-v1", Owner: "me", Status: regtoken.Disabled, CreatedAt: start,
		Scopes: []regtoken.Scope{scope("repository:a:pull"), scope("registry:*:list")},
		Secrets: []regtoken.Secret{
			{ID: uuid.MustParse(secretID), CreatedAt: start},
			{ID: uuid.MustParse(oldID), CreatedAt: start.Add(-time.Hour), ExpiresAt: start.Add(time.Hour)},
		},
	}, token)

	_, err = r.AddScopes(t.Context(), token.ID, scope("repository:b:pull"))
	require.NoError(t, err)
	_, err = r.RemoveScope(t.Context(), token.ID, scope("repository:b:pull"))
	require.NoError(t, err)
	record, err := r.store.Get(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, data, string(record.Data), "written back as it was")
}
