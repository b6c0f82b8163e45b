package regtoken_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// TestActorContext: a context with an actor is in all else the one it was made of.
func TestActorContext(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	outer := regtoken.WithActor(parent, "proxy")
	inner := regtoken.WithActor(context.WithValue(outer, key{}, "other"), "")
	require.Equal(t, "proxy", regtoken.ActorFrom(outer))
	require.Empty(t, regtoken.ActorFrom(inner), "the innermost counts")
	require.Equal(t, "value", outer.Value(key{}))
	require.Equal(t, "other", inner.Value(key{}))
	require.NoError(t, inner.Err())
	cancel()
	require.ErrorIs(t, inner.Err(), context.Canceled)
}

func TestEventsOfChanges(t *testing.T) {
	r := newRig(t)
	ctx := regtoken.WithActor(t.Context(), "admin@example.com")
	require.Equal(t, "admin@example.com", regtoken.ActorFrom(ctx))
	require.Empty(t, regtoken.ActorFrom(t.Context()))
	m := r.Registry("team-registry")
	token, c, err := m.CreateToken(ctx, regtoken.TokenSpec{Name: "watched", Owner: "me", Scopes: []regtoken.Scope{scope("registry:*:list")}})
	require.NoError(t, err)

	event := func(op regtoken.Operation) regtoken.Event {
		return regtoken.Event{
			Time: start, Operation: op, Outcome: regtoken.Succeeded, Actor: "admin@example.com",
			Registry: "team-registry", TokenID: token.ID, TokenName: "watched", Owner: "me",
		}
	}
	expect := func(want regtoken.Event, detail string, scopes ...string) {
		t.Helper()
		for _, text := range scopes {
			want.Scopes = append(want.Scopes, scope(text))
		}
		want.Detail = detail
		require.Equal(t, []regtoken.Event{want}, r.log.Take())
	}
	expect(event(regtoken.OpCreate), "status enabled, expiry never", "registry:*:list")

	_, err = m.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled, Expiry: regtoken.SetExpiry(start.Add(time.Hour))})
	require.NoError(t, err)
	expect(event(regtoken.OpEdit), "status enabled to disabled, expiry never to 2026-03-01T13:00:00Z")
	_, err = m.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.NoError(t, err)
	require.Empty(t, r.log.Take(), "nothing changed")

	rotated, err := m.RotateSecret(ctx, token.ID, time.Minute)
	require.NoError(t, err)
	expect(event(regtoken.OpRotate), "secret "+rotated.SecretID.String()+", overlap 1m0s")
	_, err = m.RetireOldSecret(ctx, token.ID)
	require.NoError(t, err)
	expect(event(regtoken.OpRetire), "secret "+c.SecretID.String())

	_, err = m.AddScopes(ctx, token.ID, scope("registry:*:list"), scope("repository:a:pull"), scope("repository:b:pull"))
	require.NoError(t, err)
	expect(event(regtoken.OpAddScopes), "", "repository:a:pull", "repository:b:pull")
	_, err = m.RemoveScope(ctx, token.ID, scope("repository:a:pull"))
	require.NoError(t, err)
	expect(event(regtoken.OpRemoveScopes), "", "repository:a:pull")
	_, err = m.RemoveAllScopes(ctx, token.ID)
	require.NoError(t, err)
	expect(event(regtoken.OpRemoveScopes), "", "registry:*:list", "repository:b:pull")

	require.NoError(t, m.DeleteToken(ctx, token.ID))
	expect(event(regtoken.OpDelete), "")
}

func TestEventsOfFailures(t *testing.T) {
	r := newRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "watched", Owner: "me"})
	r.log.Take()
	failed := func(op regtoken.Operation, err error, want regtoken.Event) {
		t.Helper()
		require.Error(t, err)
		want.Time, want.Operation, want.Outcome, want.Err = start, op, regtoken.Failed, err
		require.Equal(t, []regtoken.Event{want}, r.log.Take())
	}
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "watched"})
	failed(regtoken.OpCreate, err, regtoken.Event{TokenName: "watched"})
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "A secret?"})
	failed(regtoken.OpCreate, err, regtoken.Event{})
	_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: "x"})
	failed(regtoken.OpEdit, err, regtoken.Event{TokenID: token.ID, TokenName: "watched", Owner: "me"})
	_, err = r.RemoveScope(t.Context(), token.ID, scope("registry:*:list"))
	failed(regtoken.OpRemoveScopes, err, regtoken.Event{TokenID: token.ID, TokenName: "watched", Owner: "me"})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID))
	r.log.Take()
	err = r.DeleteToken(t.Context(), token.ID)
	failed(regtoken.OpDelete, err, regtoken.Event{TokenID: token.ID})
	_, err = r.Registry("X").Authenticate(t.Context(), regtoken.Login{Name: "watched"})
	failed(regtoken.OpAuthenticate, err, regtoken.Event{TokenName: "watched"})
}

func TestObserversAreCalledInOrderAndContained(t *testing.T) {
	var panics bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&panics, nil)))
	defer slog.SetDefault(before)
	var told []string
	r := newRig(t, func(r *rig, o *regtoken.Options) {
		o.Observers = []regtoken.Observer{
			func(context.Context, regtoken.Event) { told = append(told, "first") },
			func(context.Context, regtoken.Event) { panic("an observer's own fault") },
			func(ctx context.Context, e regtoken.Event) {
				told = append(told, "last")
				if e.Operation == regtoken.OpCreate { // no lock is held
					_, err := r.TokenByName(ctx, e.TokenName)
					require.NoError(t, err)
				}
			},
		}
	})
	_, c := r.create(t, regtoken.TokenSpec{Name: "observed", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	g, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	require.NoError(t, g.Authorize("a", pull))
	require.Equal(t, []string{"first", "last", "first", "last", "first", "last"}, told)
	require.Equal(t, 3, strings.Count(panics.String(), "an observer's own fault"))
}

func TestSlogObserver(t *testing.T) {
	var logged bytes.Buffer
	handler := slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})
	r := newRig(t, func(_ *rig, o *regtoken.Options) {
		o.Observers = []regtoken.Observer{regtoken.SlogObserver(slog.New(handler))}
	})
	token, c := r.create(t, regtoken.TokenSpec{Name: "logged", Owner: "me", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	ctx := regtoken.WithActor(t.Context(), "192.0.2.7")
	g, err := r.Authenticate(ctx, c.Login())
	require.NoError(t, err)
	require.NoError(t, g.Authorize("a", pull))
	require.Error(t, g.Authorize("b", pull))
	_, err = r.Authenticate(ctx, regtoken.Login{Name: c.Password.Reveal(), Password: c.Password})
	require.Error(t, err)
	require.Error(t, g.Authorize("/"+c.Password.Reveal(), pull))
	_, err = r.EditToken(ctx, token.ID, regtoken.Edit{Status: "x"})
	require.Error(t, err)

	id := token.ID.String()
	require.Equal(t, strings.Join([]string{
		`time=2026-03-01T12:00:00.000Z level=INFO msg=regtoken operation=create outcome=succeeded registry="" token_id=` + id + ` token=logged owner=me scopes=[repository:a:pull] detail="status enabled, expiry never"`,
		`time=2026-03-01T12:00:00.000Z level=DEBUG msg=regtoken operation=authenticate outcome=succeeded registry="" actor=192.0.2.7 token_id=` + id + ` token=logged owner=me`,
		`time=2026-03-01T12:00:00.000Z level=DEBUG msg=regtoken operation=authorize outcome=succeeded registry="" actor=192.0.2.7 token_id=` + id + ` token=logged owner=me path=a action=pull scopes=[repository:a:pull]`,
		`time=2026-03-01T12:00:00.000Z level=WARN msg=regtoken operation=authorize outcome=denied registry="" actor=192.0.2.7 token_id=` + id + ` token=logged owner=me path=b action=pull reason="no scope matches the path"`,
		`time=2026-03-01T12:00:00.000Z level=WARN msg=regtoken operation=authenticate outcome=denied registry="" actor=192.0.2.7 reason="malformed name"`,
		`time=2026-03-01T12:00:00.000Z level=WARN msg=regtoken operation=authorize outcome=denied registry="" actor=192.0.2.7 token_id=` + id + ` token=logged owner=me path=/[redacted] action=pull reason="path is no repository name"`,
		`time=2026-03-01T12:00:00.000Z level=WARN msg=regtoken operation=edit outcome=failed registry="" actor=192.0.2.7 token_id=` + id + ` token=logged owner=me error="regtoken: invalid: status must be \"enabled\" or \"disabled\""`,
		``,
	}, "\n"), logged.String())
	require.Empty(t, regtoken.FindSecrets(logged.String()))
}

func TestEventJSON(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "watched", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	require.Error(t, r.Authorize(t.Context(), c.Login(), "a", pull|0x40))
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "watched"})
	require.Error(t, err)
	events := r.log.Take()
	for i, want := range []string{
		`{"time":"2026-03-01T12:00:00Z","operation":"create","outcome":"succeeded","registry":"","token_id":"` + token.ID.String() +
			`","token":"watched","scopes":["repository:a:pull"],"detail":"status enabled, expiry never"}`,
		`{"time":"2026-03-01T12:00:00Z","operation":"authenticate","outcome":"succeeded","registry":"","token_id":"` + token.ID.String() + `","token":"watched"}`,
		`{"time":"2026-03-01T12:00:00Z","operation":"authorize","outcome":"denied","registry":"","token_id":"` + token.ID.String() +
			`","token":"watched","path":"a","action":"pull","reason":"no such action"}`,
		`{"time":"2026-03-01T12:00:00Z","operation":"create","outcome":"failed","registry":"","token":"watched","error":"regtoken: token name is taken"}`,
	} {
		encoded, err := json.Marshal(events[i])
		require.NoError(t, err)
		require.JSONEq(t, want, string(encoded))
	}
}

// Secrets find their way into fields that are not theirs.
func TestEventsHoldNoMisplacedSecret(t *testing.T) {
	r := newRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "watched", Scopes: []regtoken.Scope{scope("repository:*:pull")}})
	secret := c.Password.Reveal()
	g, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	r.log.Take()
	for _, misplaced := range []string{secret, secret[:len(secret)-1], secret[:30], secret[1:], secret + "x", secret[:35] + "0" + secret[36:]} {
		_, err = r.Registry(misplaced).Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrInvalid)
		require.NotContains(t, err.Error(), misplaced[4:24])
		_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: misplaced})
		require.ErrorIs(t, err, regtoken.ErrInvalid)
		require.NotContains(t, err.Error(), misplaced[4:24])
		for _, path := range []string{misplaced, "team/" + misplaced, "a/" + misplaced + "/b", misplaced + ":latest"} {
			err = g.Authorize(path, pull)
			require.ErrorIs(t, err, regtoken.ErrDenied)
			require.NotContains(t, err.Error(), misplaced[4:24])
		}
		for _, e := range r.log.Take() {
			encoded, err := json.Marshal(e)
			require.NoError(t, err)
			require.NotContains(t, string(encoded), misplaced[4:24])
		}
	}
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "owned", Owner: "the owner of " + secret})
	require.Equal(t, []string{"owner"}, fields(t, err))
}

func TestObserversDoNotShareScopes(t *testing.T) {
	var second []regtoken.Scope
	r := newRig(t, func(_ *rig, o *regtoken.Options) {
		o.Observers = []regtoken.Observer{
			func(_ context.Context, e regtoken.Event) { e.Scopes[0].Path = "changed" },
			func(_ context.Context, e regtoken.Event) { second = e.Scopes },
		}
	})
	token, _ := r.create(t, regtoken.TokenSpec{Name: "watched", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	require.Equal(t, token.Scopes, second)
	require.Equal(t, "a", token.Scopes[0].Path)
}

func TestEventLogValue(t *testing.T) {
	v := regtoken.Event{Operation: regtoken.OpDelete, Outcome: regtoken.Succeeded, TokenName: "gone"}.LogValue()
	require.Equal(t, slog.KindGroup, v.Kind())
	require.Equal(t, "[operation=delete outcome=succeeded registry= token=gone]", v.String())
}
