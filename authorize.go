package regtoken

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/pattern"
)

// Authenticate finds out who logs in, and returns what the token may do. It
// asks the store, or while [Manager.Run] keeps it fresh, what was kept of it;
// no login is refused without the store having been asked. Errors: [ErrUnauthenticated], the same for an
// unknown name, a wrong secret, a disabled and an expired token;
// [ErrUnavailable] when that cannot be told, which is no refusal of the
// credential; [ErrInvalid] (field "registry").
func (m *Manager) Authenticate(ctx context.Context, login Login) (*Grant, error) {
	event := Event{Operation: OpAuthenticate, Registry: m.registry, TokenName: auditableName(login.Name)}
	secret := login.Password.Reveal()
	v := m.validation()
	switch err := v.err(); {
	case err != nil:
		m.observe(ctx, event.failed(err))
		return nil, err
	case event.TokenName == "":
		return nil, m.refuse(ctx, event, ReasonMalformedName)
	case !isSecret(secret):
		return nil, m.refuse(ctx, event, ReasonMalformedSecret)
	}
	presented := digestOf(secret)
	return m.admit(ctx, event, tokenKey{registry: m.registry, name: login.Name},
		func(e *entry) int { return e.indexDigest(presented) })
}

// GrantFor returns what a token may do now, for a login that was proved
// before: tokenID and secretID are those that a trusted carrier names (a JWT
// that the host program signed itself, and has verified). It checks no secret,
// and the IDs are none: never pass IDs that a client could have chosen. What it
// goes by is as fresh as in [Manager.Authenticate]. Errors:
// [ErrUnauthenticated] if the token is gone, disabled or expired, or the
// secret is no longer one of its own; [ErrUnavailable]; [ErrInvalid] (field
// "registry").
func (m *Manager) GrantFor(ctx context.Context, tokenID, secretID uuid.UUID) (*Grant, error) {
	event := Event{Operation: OpAuthenticate, Registry: m.registry, TokenID: tokenID}
	return m.admit(ctx, event, tokenKey{registry: m.registry, id: tokenID},
		func(e *entry) int {
			return slices.IndexFunc(e.Secrets, func(s Secret) bool { return s.ID == secretID })
		})
}

// Authorize authenticates and authorizes in one call: nil if the login may do
// every action of a on the repository path. Errors: those of
// [Manager.Authenticate] and [Grant.Authorize].
func (m *Manager) Authorize(ctx context.Context, login Login, path string, a Action) error {
	g, err := m.Authenticate(ctx, login)
	if err != nil {
		return err
	}
	return g.Authorize(path, a)
}

// admit decides on a login: the token under the key must be live, and prove
// must find which of its secrets it was. What was kept of the token only ever
// admits: before anybody is refused, the store is asked.
func (m *Manager) admit(ctx context.Context, event Event, key tokenKey, prove func(*entry) int) (*Grant, error) {
	if t := m.live.cachedToken(ctx, key); t != nil {
		now := m.now()
		if secret, reason := t.judge(prove, now); reason == "" {
			m.live.hits.Add(1)
			return m.grant(ctx, event, t, secret, now), nil
		}
	}
	t, err := m.readToken(ctx, key)
	if t != nil {
		event.TokenID, event.TokenName, event.Owner = t.ID, t.Name, t.Owner
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, m.refuse(ctx, event, ReasonUnknownToken)
	case err != nil && t != nil && hasEnded(t.ExpiresAt, m.now()): // gone, whatever it says
		return nil, m.refuse(ctx, event, ReasonExpired)
	case err != nil:
		m.observe(ctx, event.failed(err))
		return nil, err
	}
	now := m.now()
	secret, reason := t.judge(prove, now)
	if reason != "" {
		return nil, m.refuse(ctx, event, reason)
	}
	return m.grant(ctx, event, t, secret, now), nil
}

// judge returns which secret a login proved, or why it is refused.
func (e *entry) judge(prove func(*entry) int, now time.Time) (secret int, why Reason) {
	secret = prove(e)
	switch {
	case secret < 0:
		why = ReasonWrongSecret
	case hasEnded(e.Secrets[secret].ExpiresAt, now):
		why = ReasonSecretEnded
	case hasEnded(e.ExpiresAt, now):
		why = ReasonExpired
	case e.Status != Enabled:
		why = ReasonDisabled
	}
	return secret, why
}

// grant admits a login, and tells the observers.
func (m *Manager) grant(ctx context.Context, event Event, t *cached, secret int, now time.Time) *Grant {
	e := t.entry // a copy: the token is shared
	e.dropEndedSecrets(now)
	event.TokenID, event.TokenName, event.Owner, event.Outcome = e.ID, e.Name, e.Owner, Succeeded
	m.observe(ctx, event)
	return &Grant{shared: m.shared, ctx: ctx, token: e.Token, secret: t.Secrets[secret], rights: t.rights}
}

// refuse tells the observers why, and the caller nothing but that.
func (m *Manager) refuse(ctx context.Context, event Event, reason Reason) error {
	event.Outcome, event.Reason = Denied, reason
	m.observe(ctx, event)
	return ErrUnauthenticated
}

// indexDigest returns which secret has the digest, or -1. It looks at all of
// them, and at each in constant time.
func (e *entry) indexDigest(presented digest) int {
	index := -1
	for i := range e.digests {
		if subtle.ConstantTimeCompare(e.digests[i][:], presented[:]) == 1 {
			index = i
		}
	}
	return index
}

// A Grant is what an authenticated login may do: an immutable view of its
// token's rights at that moment, which answers without I/O. It is meant for
// one request: from its token's expiry on (and from the end of its secret's
// overlap) it denies by itself, while a revocation shows at the next
// [Manager.Authenticate]. A Grant is safe for concurrent use. The zero Grant
// denies everything.
type Grant struct {
	shared *shared
	ctx    context.Context // of its Authenticate, for the observers
	token  Token
	secret Secret
	rights []right // of token.Scopes, in their order
}

// Token returns the token as it stood when the grant was made.
func (g *Grant) Token() Token {
	t := g.token
	t.Scopes, t.Secrets = slices.Clone(t.Scopes), slices.Clone(t.Secrets)
	return t
}

// Secret returns which of the token's secrets the login proved.
func (g *Grant) Secret() Secret { return g.secret }

// Authorize returns nil if the token's scopes together allow every action of a
// on the repository path, checked against the OCI name grammar and never
// cleaned up. Otherwise: a [*DeniedError], which is [ErrDenied], or
// [ErrUnauthenticated] once the token has expired. When it allows, it
// allocates nothing as long as the Manager has no observers.
func (g *Grant) Authorize(path string, a Action) error {
	reason, scopes := g.decide(path, a, g.shared.isObserved())
	return g.conclude(path, a, reason, scopes)
}

// AuthorizeList returns nil if the token may ask for the registry's listing at
// all: if it has any scope of [RegistryType]. Which repositories the listing
// shows, Authorize and Explain with [List] tell. Errors: as
// [Grant.Authorize]'s, with no path.
func (g *Grant) AuthorizeList() error {
	reason := g.ended()
	if reason == "" && !g.CanList() {
		reason = ReasonNoRegistryScope
	}
	return g.conclude("", List, reason, nil)
}

// conclude tells the observers of a decision, and the caller.
func (g *Grant) conclude(path string, a Action, reason Reason, scopes []Scope) error {
	g.observe(path, a, reason, scopes)
	switch reason {
	case "":
		return nil
	case ReasonExpired, ReasonSecretEnded:
		return ErrUnauthenticated
	default:
		return &DeniedError{Path: auditablePath(path), Action: a, Reason: reason}
	}
}

// CanList reports whether [Grant.AuthorizeList] would return nil. No observer
// is told.
func (g *Grant) CanList() bool {
	return g.ended() == "" && slices.ContainsFunc(g.rights, func(r right) bool { return r.actions.Has(List) })
}

// A Decision says what [Grant.Authorize] answers, and why.
type Decision struct {
	Allowed bool

	// Reason is why it is denied: ReasonInvalidPath, ReasonInvalidAction,
	// ReasonNoScope, ReasonMissingAction, ReasonExpired or ReasonSecretEnded.
	// "" if allowed.
	Reason Reason

	// Scopes are scopes that together allow it, in the order of the token's
	// and each for an action that the ones behind it lack; under
	// ReasonMissingAction those of the right type that match the path.
	Scopes []Scope
}

// Explain returns the decision that [Grant.Authorize] takes, and why it is so.
// No observer is told.
func (g *Grant) Explain(path string, a Action) Decision {
	reason, scopes := g.decide(path, a, true)
	return Decision{Allowed: reason == "", Reason: reason, Scopes: scopes}
}

// decide is the one place that decides: "" allows. The scopes behind it are
// returned if asked for.
func (g *Grant) decide(path string, a Action, explain bool) (Reason, []Scope) {
	ended := g.ended()
	switch {
	case ended != "":
		return ended, nil
	case !pattern.IsName(path):
		return ReasonInvalidPath, nil
	case a == 0 || a&^allActions != 0:
		return ReasonInvalidAction, nil
	}
	var got Action
	var scopes []Scope
	matched := false
	for i, r := range g.rights {
		if r.actions&sameTypes(a) == 0 || !r.path.Match(path) {
			continue
		}
		matched = true
		got |= r.actions
		if explain {
			scopes = append(scopes, g.token.Scopes[i])
		}
		if got.Has(a) {
			return "", needed(scopes, a)
		}
	}
	if matched {
		return ReasonMissingAction, scopes
	}
	return ReasonNoScope, nil
}

// sameTypes returns all actions of the scope types that a's actions belong to.
func sameTypes(a Action) (all Action) {
	const repository = Pull | Push | Admin
	if a&repository != 0 {
		all |= repository
	}
	return all | a&List
}

// needed drops the scopes that add nothing of a to those behind them; the last
// one completed it.
func needed(scopes []Scope, a Action) []Scope {
	var got Action
	var kept []Scope
	for _, s := range slices.Backward(scopes) {
		if s.Actions&a&^got != 0 {
			got |= s.Actions
			kept = append(kept, s)
		}
	}
	slices.Reverse(kept)
	return kept
}

// ended returns why the grant is over by itself, "" if it is not. It leaves
// the clock alone when neither token nor secret has an end.
func (g *Grant) ended() Reason {
	if g.token.ExpiresAt.IsZero() && g.secret.ExpiresAt.IsZero() {
		return ""
	}
	switch now := g.shared.now(); {
	case hasEnded(g.token.ExpiresAt, now):
		return ReasonExpired
	case hasEnded(g.secret.ExpiresAt, now):
		return ReasonSecretEnded
	}
	return ""
}

func (g *Grant) observe(path string, a Action, reason Reason, scopes []Scope) {
	if !g.shared.isObserved() {
		return
	}
	event := Event{
		Operation: OpAuthorize,
		Outcome:   Succeeded,
		Registry:  g.token.Registry,
		TokenID:   g.token.ID,
		TokenName: g.token.Name,
		Owner:     g.token.Owner,
		Path:      auditablePath(path),
		Action:    a,
		Scopes:    scopes,
		Reason:    reason,
	}
	if reason != "" {
		event.Outcome = Denied
	}
	g.shared.observe(g.ctx, event)
}

// auditableName returns a name that may be shown to observers: "" if it could
// be no token's, since people paste passwords there.
func auditableName(name string) string {
	if !isTokenName(name) {
		return ""
	}
	return name
}

// auditablePath returns a path that may be shown: what is no repository name
// is cut short, and what may be a secret in it is blotted out.
func auditablePath(path string) string {
	if pattern.IsName(path) {
		return path
	}
	if len(path) > 2*pattern.MaxLength { // cut, but not through a secret
		path = strings.TrimRightFunc(path[:2*pattern.MaxLength], func(r rune) bool { return r < utf8.RuneSelf && isAlphanumeric(byte(r)) })
	}
	path = redactSecrets(path)
	return strings.ToValidUTF8(path[:min(len(path), pattern.MaxLength)], "\uFFFD")
}
