package regtoken_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

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
	failed(regtoken.OpEdit, err, regtoken.Event{TokenID: token.ID})
	_, err = r.RemoveScope(t.Context(), token.ID, scope("registry:*:list"))
	failed(regtoken.OpRemoveScopes, err, regtoken.Event{TokenID: token.ID, TokenName: "watched", Owner: "me"})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID))
	r.log.Take()
	err = r.DeleteToken(t.Context(), token.ID)
	failed(regtoken.OpDelete, err, regtoken.Event{TokenID: token.ID})
	_, err = r.Registry("X").Authenticate(t.Context(), regtoken.Login{Name: "watched"})
	failed(regtoken.OpAuthenticate, err, regtoken.Event{Registry: "X", TokenName: "watched"})
}

func TestObserversAreCalledInOrderAndContained(t *testing.T) {
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
		`time=2026-03-01T12:00:00.000Z level=ERROR msg=regtoken operation=edit outcome=failed registry="" actor=192.0.2.7 token_id=` + id + ` error="regtoken: invalid: status must be \"enabled\" or \"disabled\""`,
		``,
	}, "\n"), logged.String())
	require.Empty(t, regtoken.FindSecrets(logged.String()))
}

func TestEventLogValue(t *testing.T) {
	v := regtoken.Event{Operation: regtoken.OpDelete, Outcome: regtoken.Succeeded, TokenName: "gone"}.LogValue()
	require.Equal(t, slog.KindGroup, v.Kind())
	require.Equal(t, "[operation=delete outcome=succeeded registry= token=gone]", v.String())
}
