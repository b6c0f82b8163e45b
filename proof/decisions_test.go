package proof_test

import (
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
)

// A presented login, with what is known of its password from how it was made.
type presented struct {
	name, password string
	malformed      bool // the password is no secret
}

// drawLogin draws a name and a password: right, old, another token's, made
// elsewhere, mistyped, or no secret at all.
func (w *world) drawLogin(t *rapid.T, c call) presented {
	l := presented{name: w.drawText(t, "name", names, badNames, 10)}
	if held := w.model.list(c.registry, "", ""); len(held) > 0 && !oneIn(t, 4, "any name") {
		l.name = choose(t, held, "token").name
	}
	own := w.model.holder(c.registry, l.name)
	kind := rapid.IntRange(0, 9).Draw(t, "password")
	switch {
	case own != nil && kind < 5:
		l.password = choose(t, own.secrets, "own secret").password
	case len(w.issued) > 0 && kind < 8:
		l.password = choose(t, w.issued, "secret")
	case len(w.issued) > 0 && kind == 8:
		l.password, l.malformed = mistyped(t, choose(t, w.issued, "secret")), true
	case rapid.Bool().Draw(t, "made elsewhere"):
		l.password = w.forgeSecret(t)
	default:
		l.password, l.malformed = pick(t, []string{"", "password", l.name, "rgt_", "\x00"}, "junk"), true
	}
	return l
}

// mistyped changes one character, or leaves one out.
func mistyped(t *rapid.T, password string) string {
	i := rapid.IntRange(0, len(password)-1).Draw(t, "typing error")
	if rapid.Bool().Draw(t, "left out") {
		return password[:i] + password[i+1:]
	}
	other := byte('0')
	if password[i] == other {
		other = '1'
	}
	return password[:i] + string(other) + password[i+1:]
}

// forgeSecret makes a secret that no token of the store ever had.
func (w *world) forgeSecret(t *rapid.T) string {
	_, c, err := w.forge.CreateToken(t.Context(), regtoken.TokenSpec{Name: "forged"})
	if err != nil {
		token, err := w.forge.TokenByName(t.Context(), "forged")
		require.NoError(t, err)
		c, err = w.forge.RotateSecret(t.Context(), token.ID, 0)
		require.NoError(t, err)
	}
	w.issue(c.Password.Reveal())
	return c.Password.Reveal()
}

// judge returns what a login must come to: the grant and no reason, or all the
// true reasons.
func (w *world) judge(c call, l presented) (*grant, []regtoken.Reason) {
	var reasons []regtoken.Reason
	if !isName(l.name) {
		reasons = append(reasons, regtoken.ReasonMalformedName)
	}
	if l.malformed {
		reasons = append(reasons, regtoken.ReasonMalformedSecret)
	}
	token := w.model.holder(c.registry, l.name)
	proved, more := w.model.login(token, func(s secret) bool { return s.password == l.password })
	if reasons = append(reasons, more...); len(reasons) > 0 {
		return nil, reasons
	}
	return pinned(token, proved), nil
}

func pinned(token *token, s secret) *grant {
	g := &grant{token: *token, secret: s}
	g.token.scopes, g.token.secrets = slices.Clone(token.scopes), slices.Clone(token.secrets)
	return g
}

func (w *world) realLogin(l presented) regtoken.Login {
	login := regtoken.Login{Name: l.name, Password: regtoken.NewPassword(l.password)}
	if w.variant.login != nil {
		login = w.variant.login(login)
	}
	return login
}

func (w *world) authenticate(t *rapid.T) {
	c := w.drawCall(t)
	l := w.drawLogin(t, c)
	want, reasons := w.judge(c, l)
	got, err := c.view.Authenticate(c.ctx, w.realLogin(l))
	w.requireGrant(t, c, want, got, err, w.loginTold(c, l, reasons))
}

// loginTold is the event of a login by name.
func (w *world) loginTold(c call, l presented, reasons []regtoken.Reason) told {
	event := told{operation: regtoken.OpAuthenticate, reasons: reasons, registry: c.registry}
	if isName(l.name) {
		event.name = l.name
	}
	asked := isRegistry(c.registry) && isName(l.name) && !l.malformed
	if token := w.model.holder(c.registry, l.name); asked && token != nil {
		event.token, event.id = token, token.id
	}
	return event
}

// requireGrant checks the answer to a login, and keeps the grant for later.
func (w *world) requireGrant(t *rapid.T, c call, want *grant, got *regtoken.Grant, err error, event told) {
	outcome := answer{}
	switch faults := w.model.registryFaults(c.registry); {
	case len(faults) > 0:
		outcome = invalid(faults)
		event.err, event.reasons = regtoken.ErrInvalid, nil
	case want == nil:
		outcome.err = regtoken.ErrUnauthenticated
	}
	w.requireAnswer(t, outcome, err)
	w.requireTold(t, c.by, c.actor, event)
	if outcome.err != nil {
		require.Nil(t, got)
		return
	}
	require.Equal(t, w.model.real(&want.token), got.Token())
	require.Equal(t, want.secret.real(), got.Secret())
	w.requireNoSecret(t, got)
	w.grants = append(w.grants, &held{got, *want, c.by, c.actor})
	if len(w.grants) > 6 {
		w.grants = w.grants[1:]
	}
}

func (w *world) grantFor(t *rapid.T) {
	c, id := w.drawTarget(t)
	secretID := uuid.Nil
	token := w.model.byID(c.registry, id)
	switch {
	case token != nil && !oneIn(t, 3, "any secret"):
		secretID = choose(t, token.secrets, "own secret").id
	case len(w.spent) > 0:
		secretID = pick(t, w.spent, "spent secret")
	}
	// A token past its expiry may be named as such, or as unknown.
	proved, reasons := w.model.login(token, func(s secret) bool { return s.id == secretID })
	event := told{operation: regtoken.OpAuthenticate, registry: c.registry, id: id, token: token}
	if token == nil {
		reasons = append(reasons, regtoken.ReasonExpired, regtoken.ReasonWrongSecret, regtoken.ReasonSecretEnded)
	}
	event.reasons = reasons
	var want *grant
	if len(reasons) == 0 {
		want = pinned(token, proved)
	}
	got, err := c.view.GrantFor(c.ctx, id, secretID)
	w.requireGrant(t, c, want, got, err, event)
}

func (w *world) authorize(t *rapid.T) {
	if len(w.grants) == 0 {
		t.Skip("no grant")
	}
	g := choose(t, w.grants, "grant")
	path, asked := w.drawPath(t), pick(t, askedActions, "asked")
	reasons, matching := w.model.authorize(&g.model, path, asked)

	decision := g.real.Explain(path, asked.real())
	w.requireDecision(t, decision, reasons, matching, asked)
	w.requireTold(t, g.by, g.actor)

	w.requireAuthorize(t, g, path, asked, reasons, g.real.Authorize(path, asked.real()))
	require.Equal(t, g.model.secret.real(), g.real.Secret())
	pinned := g.real.Token()
	require.Equal(t, realScopes(g.model.token.scopes), pinned.Scopes, "what a grant pinned does not change")
}

func (w *world) authorizeList(t *rapid.T) {
	if len(w.grants) == 0 {
		t.Skip("no grant")
	}
	g := choose(t, w.grants, "grant")
	reasons := w.model.authorizeList(&g.model)
	require.Equal(t, len(reasons) == 0, g.real.CanList())
	w.requireTold(t, g.by, g.actor)
	w.requireAuthorize(t, g, "", actions{list: true}, reasons, g.real.AuthorizeList())
}

func (w *world) requireAuthorize(t *rapid.T, g *held, path string, asked actions, reasons []regtoken.Reason, err error) {
	want := answer{}
	switch {
	case slices.Contains(reasons, regtoken.ReasonExpired), slices.Contains(reasons, regtoken.ReasonSecretEnded):
		want.err = regtoken.ErrUnauthenticated
	case len(reasons) > 0:
		want.err = regtoken.ErrDenied
		var denied *regtoken.DeniedError
		require.ErrorAs(t, err, &denied)
		require.Contains(t, reasons, denied.Reason)
		require.Equal(t, asked.real(), denied.Action)
	}
	w.requireAnswer(t, want, err)
	w.requireAuthorizeTold(t, g, path, asked, reasons)
}

func (w *world) requireAuthorizeTold(t *rapid.T, g *held, path string, asked actions, reasons []regtoken.Reason) {
	w.requireTold(t, g.by, g.actor, told{
		operation: regtoken.OpAuthorize, reasons: reasons, registry: g.model.token.registry, id: g.model.token.id,
		token: &g.model.token, path: path, asked: asked,
	})
}

// requireDecision checks an explanation: the scopes it names are enough, or all
// that match.
func (w *world) requireDecision(t *rapid.T, d regtoken.Decision, reasons []regtoken.Reason, matching []scope, asked actions) {
	w.requireNoSecret(t, d)
	require.Equal(t, len(reasons) == 0, d.Allowed, "%+v", d)
	if len(reasons) > 0 {
		require.Contains(t, reasons, d.Reason)
		require.Equal(t, realScopes(matching), d.Scopes)
		return
	}
	require.Empty(t, d.Reason)
	var named []scope
	for _, s := range matching {
		if slices.Contains(d.Scopes, s.real()) {
			named = append(named, s)
		}
	}
	require.Equal(t, d.Scopes, realScopes(named), "matching scopes, in their order")
	require.True(t, cover(named, asked), "%+v", d)
	if oneAction := len(strings.Split(asked.real().String(), ",")) == 1; oneAction {
		require.Len(t, named, 1)
	}
}

// authorizeLogin takes both steps at once.
func (w *world) authorizeLogin(t *rapid.T) {
	c := w.drawCall(t)
	l := w.drawLogin(t, c)
	path, asked := w.drawPath(t), pick(t, askedActions, "asked")
	want, reasons := w.judge(c, l)
	err := c.view.Authorize(c.ctx, w.realLogin(l), path, asked.real())
	login := w.loginTold(c, l, reasons)
	if want == nil || !isRegistry(c.registry) {
		w.requireGrant(t, c, nil, nil, err, login)
		return
	}
	events := c.by.journal.Take()
	require.Len(t, events, 2)
	w.requireEvent(t, events[0], c.actor, login)
	c.by.journal.events = events[1:]
	refused, _ := w.model.authorize(want, path, asked)
	w.requireAuthorize(t, &held{nil, *want, c.by, c.actor}, path, asked, refused, err)
}
