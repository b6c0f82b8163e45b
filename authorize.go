package regtoken

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/pattern"
	"github.com/regtoken/regtoken/store"
)

// Authenticate finds out who logs in, and returns what the token may do. It
// asks the store each time. Errors: [ErrUnauthenticated], the same for an
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
	return m.admit(ctx, event,
		func() (store.Record, error) { return m.recordByName(ctx, login.Name) },
		func(e *entry) int { return e.indexDigest(presented) })
}

// GrantFor returns what a token may do now, for a login that was proved
// before: tokenID and secretID are those that a trusted carrier names (a JWT
// that the host program signed itself, and has verified). It checks no secret,
// and the IDs are none: never pass IDs that a client could have chosen. It asks
// the store each time. Errors:
// [ErrUnauthenticated] if the token is gone, disabled or expired, or the
// secret is no longer one of its own; [ErrUnavailable]; [ErrInvalid] (field
// "registry").
func (m *Manager) GrantFor(ctx context.Context, tokenID, secretID uuid.UUID) (*Grant, error) {
	event := Event{Operation: OpAuthenticate, Registry: m.registry, TokenID: tokenID}
	return m.admit(ctx, event,
		func() (store.Record, error) { return m.record(ctx, tokenID) },
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

// admit decides on a login: the record that get finds must be a live token,
// and prove must find which of its secrets it was.
func (m *Manager) admit(ctx context.Context, event Event, get func() (store.Record, error), prove func(*entry) int) (*Grant, error) {
	r, err := get()
	if errors.Is(err, ErrNotFound) {
		return nil, m.refuse(ctx, event, ReasonUnknownToken)
	}
	if err != nil {
		m.observe(ctx, event.failed(err))
		return nil, err
	}
	event.TokenID, event.TokenName = r.ID, r.Name
	now := m.now()
	e, err := decodeRecord(r)
	if err != nil {
		m.observe(ctx, event.failed(err))
		return nil, err
	}
	event.Owner = e.Owner
	secret := prove(&e)
	switch {
	case secret < 0:
		return nil, m.refuse(ctx, event, ReasonWrongSecret)
	case hasEnded(e.Secrets[secret].ExpiresAt, now):
		return nil, m.refuse(ctx, event, ReasonSecretEnded)
	case hasEnded(e.ExpiresAt, now):
		return nil, m.refuse(ctx, event, ReasonExpired)
	case e.Status != Enabled:
		return nil, m.refuse(ctx, event, ReasonDisabled)
	}
	proved := e.Secrets[secret]
	e.dropEndedSecrets(now)
	g, err := newGrant(ctx, m.shared, e.Token, proved)
	if err != nil {
		m.observe(ctx, event.failed(err))
		return nil, err
	}
	event.Outcome = Succeeded
	m.observe(ctx, event)
	return g, nil
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

// A right is a scope made ready. Its actions tell its type: List belongs to
// registry scopes alone, the others to repository scopes.
type right struct {
	path    *pattern.Pattern
	actions Action
}

func newGrant(ctx context.Context, s *shared, t Token, proved Secret) (*Grant, error) {
	g := &Grant{shared: s, ctx: ctx, token: t, secret: proved, rights: make([]right, len(t.Scopes))}
	for i, s := range t.Scopes {
		p, err := pattern.Compile(s.Path)
		if err != nil {
			return nil, unavailable(err)
		}
		g.rights[i] = right{p, s.Actions}
	}
	return g, nil
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
