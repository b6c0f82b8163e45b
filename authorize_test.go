package regtoken_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

const (
	pull  = regtoken.Pull
	push  = regtoken.Push
	admin = regtoken.Admin
	list  = regtoken.List
)

// grant makes a token with the scopes and authenticates it.
func (r *rig) grant(t testing.TB, scopes ...string) *regtoken.Grant {
	t.Helper()
	var parsed []regtoken.Scope
	for _, text := range scopes {
		parsed = append(parsed, scope(text))
	}
	_, c := r.create(t, regtoken.TokenSpec{Name: "grant-" + uuid.NewString(), Scopes: parsed})
	g, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	return g
}

func TestAuthorize(t *testing.T) {
	for _, row := range []struct {
		scopes []string
		path   string
		action regtoken.Action
		reason regtoken.Reason // "" allows
		by     []string
	}{
		{nil, "a", pull, regtoken.ReasonNoScope, nil},
		{[]string{"repository:a:pull"}, "a", pull, "", []string{"repository:a:pull"}},
		{[]string{"repository:a:pull"}, "a", push, regtoken.ReasonMissingAction, []string{"repository:a:pull"}},
		{[]string{"repository:a:pull"}, "b", pull, regtoken.ReasonNoScope, nil},
		{[]string{"repository:team/*:pull"}, "team/a", pull, "", []string{"repository:team/*:pull"}},
		{[]string{"repository:team/*:pull"}, "team/a/b", pull, "", []string{"repository:team/*:pull"}},
		{[]string{"repository:team/*:pull"}, "team", pull, regtoken.ReasonNoScope, nil},
		{[]string{"repository:team/*:pull"}, "team-evil/a", pull, regtoken.ReasonNoScope, nil},

		// No action implies another.
		{[]string{"repository:*:admin"}, "a", pull, regtoken.ReasonMissingAction, []string{"repository:*:admin"}},
		{[]string{"repository:*:admin"}, "a", push, regtoken.ReasonMissingAction, []string{"repository:*:admin"}},
		{[]string{"repository:*:admin"}, "a", admin, "", []string{"repository:*:admin"}},
		{[]string{"repository:*:pull,push"}, "a", admin, regtoken.ReasonMissingAction, []string{"repository:*:pull,push"}},

		// The types stand apart.
		{[]string{"repository:*:pull,push,admin"}, "a", list, regtoken.ReasonNoScope, nil},
		{[]string{"registry:*:list"}, "a", pull, regtoken.ReasonNoScope, nil},
		{[]string{"registry:*:list"}, "a", list, "", []string{"registry:*:list"}},
		{[]string{"registry:team/*:list"}, "other", list, regtoken.ReasonNoScope, nil},

		// Rights are the union of the scopes, and each action of a set is needed.
		{[]string{"repository:a:admin", "repository:*:pull"}, "a", pull | admin, "", []string{"repository:a:admin", "repository:*:pull"}},
		{[]string{"repository:a:admin", "repository:*:pull"}, "b", pull | admin, regtoken.ReasonMissingAction, []string{"repository:*:pull"}},
		{[]string{"repository:a:pull", "repository:*:pull", "repository:a:pull,push"}, "a", pull | push, "", []string{"repository:a:pull,push"}},
		{[]string{"registry:*:list", "repository:a:pull"}, "a", pull | list, "", []string{"registry:*:list", "repository:a:pull"}},
		{[]string{"registry:*:list", "repository:a:pull"}, "b", pull | list, regtoken.ReasonMissingAction, []string{"registry:*:list"}},

		// What is no action is denied.
		{[]string{"repository:*:pull,push,admin"}, "a", 0, regtoken.ReasonInvalidAction, nil},
		{[]string{"repository:*:pull,push,admin"}, "a", pull | 0x40, regtoken.ReasonInvalidAction, nil},
	} {
		r := newRig(t)
		g := r.grant(t, row.scopes...)
		r.log.Take()
		d := g.Explain(row.path, row.action)
		require.Empty(t, r.log.Take(), "explaining is no decision")
		var by []string
		for _, s := range d.Scopes {
			by = append(by, s.String())
		}
		require.Equal(t, row.reason, d.Reason, "%+v", row)
		require.Equal(t, row.by, by, "%+v", row)
		require.Equal(t, row.reason == "", d.Allowed, "%+v", row)

		err := g.Authorize(row.path, row.action)
		events := r.log.Take()
		require.Len(t, events, 1)
		require.Equal(t, d.Scopes, events[0].Scopes)
		require.Equal(t, d.Reason, events[0].Reason)
		if row.reason == "" {
			require.NoError(t, err, "%+v", row)
			require.Equal(t, regtoken.Succeeded, events[0].Outcome)
			continue
		}
		require.ErrorIs(t, err, regtoken.ErrDenied, "%+v", row)
		require.NotErrorIs(t, err, regtoken.ErrUnauthenticated)
		require.Equal(t, regtoken.Denied, events[0].Outcome)
		var denied *regtoken.DeniedError
		require.ErrorAs(t, err, &denied)
		require.Equal(t, regtoken.DeniedError{Path: row.path, Action: row.action, Reason: row.reason}, *denied)
	}
}

// What is no repository name is denied, never cleaned up.
func TestAuthorizeInvalidPath(t *testing.T) {
	r := newRig(t)
	g := r.grant(t, "repository:*:pull,push,admin", "registry:*:list", "repository:a/*:pull")
	for _, path := range []string{
		"", "*", "a/*", "a/../b", "a/./b", "..", "a//b", "/a", "a/", "./a", "%2f", "a%2fb", `a\b`, "a\x00", "A", "a/B", "\u0430", "a b", "a:latest",
		"a@sha256", "a..b", "-a", "a-", strings.Repeat("a", 256), strings.Repeat("a", 1<<20), "\xff",
	} {
		for _, action := range []regtoken.Action{pull, push, admin, list} {
			require.ErrorIs(t, g.Authorize(path, action), regtoken.ErrDenied, "%.300q", path)
			require.Equal(t, regtoken.Decision{Reason: regtoken.ReasonInvalidPath}, g.Explain(path, action), "%.300q", path)
		}
		for _, e := range r.log.Take() {
			require.LessOrEqual(t, len(e.Path), 3*255)
		}
	}
	require.NoError(t, g.Authorize(strings.Repeat("a", 255), pull))
}

func TestCanList(t *testing.T) {
	r := newRig(t)
	g := r.grant(t)
	r.log.Take()
	require.False(t, g.CanList())
	require.Empty(t, r.log.Take(), "a look is no decision")
	err := g.AuthorizeList()
	require.ErrorIs(t, err, regtoken.ErrDenied)
	require.EqualError(t, err, "regtoken: denied: list: no registry scope")
	events := r.log.Take()
	require.Len(t, events, 1)
	require.Equal(t, regtoken.Denied, events[0].Outcome)
	require.Equal(t, regtoken.ReasonNoRegistryScope, events[0].Reason)
	require.Equal(t, list, events[0].Action)
	require.Empty(t, events[0].Path)
	require.False(t, r.grant(t, "repository:*:pull,push,admin").CanList())
	require.True(t, r.grant(t, "repository:a:pull", "registry:none/*:list").CanList())

	_, c := r.create(t, regtoken.TokenSpec{Name: "expires", Expiry: start.Add(time.Hour), Scopes: []regtoken.Scope{scope("registry:*:list")}})
	g, err = r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	r.log.Take()
	require.True(t, g.CanList())
	require.NoError(t, g.AuthorizeList())
	require.Equal(t, regtoken.Succeeded, r.log.Take()[0].Outcome)
	r.clock.Advance(time.Hour)
	require.False(t, g.CanList())
	require.ErrorIs(t, g.AuthorizeList(), regtoken.ErrUnauthenticated)
}

func TestAuthenticate(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "known", Owner: "me"})
	_, other := r.create(t, regtoken.TokenSpec{Name: "other"})
	disabled, off := r.create(t, regtoken.TokenSpec{Name: "disabled", Status: regtoken.Disabled})
	expired, past := r.create(t, regtoken.TokenSpec{Name: "expired", Expiry: start.Add(time.Hour)})
	r.clock.Advance(time.Hour)
	secret := c.Password.Reveal()

	for _, row := range []struct {
		name, password string
		reason         regtoken.Reason // "" is in
		event          regtoken.Event  // what it names
	}{
		{"known", secret, "", regtoken.Event{TokenID: token.ID, TokenName: "known", Owner: "me"}},
		{"known", other.Password.Reveal(), regtoken.ReasonWrongSecret, regtoken.Event{TokenID: token.ID, TokenName: "known", Owner: "me"}},
		{"known", "", regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"known", "hunter2", regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"known", secret + "x", regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"known", strings.ToUpper(secret), regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"known", strings.Repeat("a", 1<<20), regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"known", "\x00\xff:", regtoken.ReasonMalformedSecret, regtoken.Event{TokenName: "known"}},
		{"Known", secret, regtoken.ReasonMalformedName, regtoken.Event{}},
		{"", secret, regtoken.ReasonMalformedName, regtoken.Event{}},
		{secret, secret, regtoken.ReasonMalformedName, regtoken.Event{}},
		{"known\x00", secret, regtoken.ReasonMalformedName, regtoken.Event{}},
		{"stranger", secret, regtoken.ReasonUnknownToken, regtoken.Event{TokenName: "stranger"}},
		{"disabled", off.Password.Reveal(), regtoken.ReasonDisabled, regtoken.Event{TokenID: disabled.ID, TokenName: "disabled"}},
		{"disabled", secret, regtoken.ReasonWrongSecret, regtoken.Event{TokenID: disabled.ID, TokenName: "disabled"}},
		{"expired", past.Password.Reveal(), regtoken.ReasonExpired, regtoken.Event{TokenID: expired.ID, TokenName: "expired"}},
	} {
		r.log.Take()
		login := regtoken.Login{Name: row.name, Password: regtoken.NewPassword(row.password)}
		g, err := r.Authenticate(t.Context(), login)
		events := r.log.Take()
		require.Len(t, events, 1)
		want := row.event
		want.Time, want.Operation, want.Outcome, want.Reason = r.clock.Now(), regtoken.OpAuthenticate, regtoken.Denied, row.reason
		if row.reason == "" {
			want.Outcome = regtoken.Succeeded
			require.NoError(t, err)
			require.Equal(t, token, g.Token())
		} else {
			require.Equal(t, regtoken.ErrUnauthenticated, err, "one outward answer")
			require.Nil(t, g)
			require.Equal(t, regtoken.ErrUnauthenticated, r.Authorize(t.Context(), login, "a", pull))
		}
		require.Equal(t, want, events[0])
	}
}

func TestGrantFor(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "carried", Scopes: []regtoken.Scope{scope("repository:a:pull")}, Expiry: start.Add(time.Hour)})
	get := func() error {
		g, err := r.GrantFor(t.Context(), token.ID, c.SecretID)
		if err == nil {
			require.NoError(t, g.Authorize("a", pull))
		}
		return err
	}
	require.NoError(t, get())
	_, err := r.GrantFor(t.Context(), token.ID, uuid.Nil)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	for _, unknown := range []uuid.UUID{uuid.New(), uuid.Nil} {
		_, err = r.GrantFor(t.Context(), unknown, c.SecretID)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	}
	_, err = r.Registry("other").GrantFor(t.Context(), token.ID, c.SecretID)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated, "another registry's, though it is kept")

	_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.NoError(t, err)
	require.ErrorIs(t, get(), regtoken.ErrUnauthenticated)
	_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled})
	require.NoError(t, err)
	require.NoError(t, get())
	_, err = r.RemoveAllScopes(t.Context(), token.ID)
	require.NoError(t, err)
	g, err := r.GrantFor(t.Context(), token.ID, c.SecretID)
	require.NoError(t, err)
	require.ErrorIs(t, g.Authorize("a", pull), regtoken.ErrDenied)
	r.clock.Advance(time.Hour)
	require.ErrorIs(t, get(), regtoken.ErrUnauthenticated)
}

func TestManagerAuthorize(t *testing.T) {
	r := newRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "both-steps", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	require.NoError(t, r.Authorize(t.Context(), c.Login(), "a", pull))
	require.ErrorIs(t, r.Authorize(t.Context(), c.Login(), "a", push), regtoken.ErrDenied)
}

// A grant pins the rights of its moment, but not the expiry.
func TestGrantIsAView(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "pinned", Scopes: []regtoken.Scope{scope("repository:a:pull")}, Expiry: start.Add(time.Hour)})
	g, err := r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	_, err = r.RemoveAllScopes(t.Context(), token.ID)
	require.NoError(t, err)
	require.NoError(t, g.Authorize("a", pull))
	g.Token().Scopes[0].Actions = admin
	require.Equal(t, pull, g.Token().Scopes[0].Actions, "what it returns is a copy")

	r.clock.Advance(time.Hour - time.Millisecond)
	require.NoError(t, g.Authorize("a", pull))
	r.clock.Advance(time.Millisecond)
	err = g.Authorize("a", pull)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	require.NotErrorIs(t, err, regtoken.ErrDenied)
	require.Equal(t, regtoken.Decision{Reason: regtoken.ReasonExpired}, g.Explain("a", pull))
}

func TestGrantEndsWithItsSecret(t *testing.T) {
	r := newRig(t)
	token, old := r.create(t, regtoken.TokenSpec{Name: "rotated", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	_, err := r.RotateSecret(t.Context(), token.ID, time.Minute)
	require.NoError(t, err)
	g, err := r.Authenticate(t.Context(), old.Login())
	require.NoError(t, err)
	require.NoError(t, g.Authorize("a", pull))
	r.clock.Advance(time.Minute)
	r.log.Take()
	require.ErrorIs(t, g.Authorize("a", pull), regtoken.ErrUnauthenticated)
	_, err = r.Authenticate(t.Context(), old.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	for _, e := range r.log.Take() {
		require.Equal(t, regtoken.ReasonSecretEnded, e.Reason, "the true reason")
	}
}

func TestZeroValuesDeny(t *testing.T) {
	var g regtoken.Grant
	require.ErrorIs(t, g.Authorize("a", pull), regtoken.ErrDenied)
	require.ErrorIs(t, g.AuthorizeList(), regtoken.ErrDenied)
	require.False(t, g.CanList())
	require.False(t, g.Explain("a", pull).Allowed)
	var v regtoken.ValidationError
	require.Empty(t, v.Fields())
	require.ErrorIs(t, &v, regtoken.ErrInvalid)
	require.NotEmpty(t, v.Error())
	require.NotEmpty(t, (&regtoken.DeniedError{}).Error())
}

func TestAuthorizeAllocatesNothing(t *testing.T) {
	r := newRig(t, func(_ *rig, o *regtoken.Options) { o.Observers = nil })
	g := r.grant(t, "repository:other/*:pull", "repository:team/*:pull,push", "registry:*:list")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := errors.Join(g.Authorize("team/app", pull|push), g.Authorize("team/app", list)); err != nil {
			t.Error(err)
		}
	}))
}

// Random scopes decide as the rules do when read one by one.
func TestAuthorizeAgainstTheRules(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	paths := []string{"*", "a/*", "*/b", "a/b", "a*", "c", "a/*/c"}
	actions := []string{"repository:%:pull", "repository:%:pull,push", "repository:%:admin", "repository:%:pull,admin", "registry:%:list"}
	matches := map[string]map[string]bool{ // by hand
		"a":     {"*": true, "a*": true},
		"a/b":   {"*": true, "a/*": true, "*/b": true, "a/b": true, "a*": true},
		"c":     {"*": true, "c": true},
		"c/b":   {"*": true, "*/b": true},
		"a/b/c": {"*": true, "a/*": true, "a*": true, "a/*/c": true},
	}
	r := newRig(t)
	for range 300 {
		var texts []string
		for range random.IntN(5) {
			texts = append(texts, strings.ReplaceAll(actions[random.IntN(len(actions))], "%", paths[random.IntN(len(paths))]))
		}
		g := r.grant(t, texts...)
		for path, matching := range matches {
			for a := regtoken.Action(1); a <= pull|push|admin|list; a++ {
				var may regtoken.Action
				for _, text := range texts {
					if s := scope(text); matching[s.Path] {
						may |= s.Actions
					}
				}
				require.Equal(t, may&a == a, g.Authorize(path, a) == nil, "%v on %s by %v", a, path, texts)
			}
		}
	}
}
