package regtoken

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/flat"
	"github.com/regtoken/regtoken/internal/pattern"
)

// Authenticate finds out who logs in, and returns what the token may do. It
// asks the store, or while [Manager.Run] keeps it fresh, what was kept of it;
// no login is refused without the store having been asked. A login that memory
// admits takes no lock, and allocates nothing if the grant does not outlive the
// calling function. Errors: [ErrUnauthenticated], the same for an unknown name,
// a wrong secret, a disabled and an expired token; [ErrUnavailable] when that
// cannot be told, which is no refusal of the credential; [ErrInvalid] (field
// "registry").
func (m *Manager) Authenticate(ctx context.Context, login Login) (*Grant, error) {
	return m.authenticate(ctx, login, new(Grant)) // inlined into the caller, on whose stack the grant then is
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
	return m.grantFor(ctx, tokenID, secretID, new(Grant)) // as in Authenticate
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

// What was kept of a token only ever admits: before anybody is refused, the
// store is asked.

func (m *Manager) authenticate(ctx context.Context, login Login, g *Grant) (*Grant, error) {
	if m.admitsCached(ctx, login, g) {
		return m.admitted(g), nil
	}
	return m.authenticateAnew(ctx, login, g)
}

// authenticateAnew is authenticate by what the store says.
func (m *Manager) authenticateAnew(ctx context.Context, login Login, g *Grant) (*Grant, error) {
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
	return m.admit(ctx, event, tokenKey{registry: m.registry, name: login.Name}, claim{digest: &presented}, g)
}

func (m *Manager) grantFor(ctx context.Context, tokenID, secretID uuid.UUID, g *Grant) (*Grant, error) {
	if m.isValid {
		if t := m.live.cachedTokenByID(ctx, m.registry, tokenID); !t.IsNone() && m.judge(ctx, t, t.indexSecret(secretID), g) == "" {
			m.live.hits.Inc()
			return m.admitted(g), nil
		}
	}
	event := Event{Operation: OpAuthenticate, Registry: m.registry, TokenID: tokenID}
	return m.admit(ctx, event, tokenKey{registry: m.registry, id: tokenID}, claim{secretID: secretID}, g)
}

// admitsCached reports whether a login is admitted by what is kept, and makes g
// its grant.
func (m *Manager) admitsCached(ctx context.Context, login Login, g *Grant) bool {
	secret := login.Password.Reveal()
	if !m.isValid || len(secret) > maxSecretLength || len(login.Name) > maxNameLength {
		return false
	}
	key := flat.Key{First: m.registry, Second: login.Name}
	hash := m.live.tokens.Hash(key)
	if !m.live.isFresh(ctx) {
		return false
	}
	lookup := m.live.tokens.Begin(hash)
	presented := digestOf(secret) // while memory is under way
	t := snapshot{m.live.tokens.End(key, lookup)}
	if t.IsNone() || m.judge(ctx, t, t.proofs().indexDigest(&presented), g) != "" || !t.isSecret(g.secret, secret) {
		return false
	}
	m.live.hits.Inc()
	return true
}

// admit decides on a login by what the store says.
func (m *Manager) admit(ctx context.Context, event Event, key tokenKey, by claim, g *Grant) (*Grant, error) {
	t, err := m.readToken(ctx, key)
	if !t.IsNone() {
		event.TokenID, event.TokenName, event.Owner = uuid.UUID(t.ID()), t.Key().Second, t.owner()
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, m.refuse(ctx, event, ReasonUnknownToken)
	case err != nil && !t.IsNone() && hasEnded(instantOf(t.proofs().expiry()), m.now()): // gone, whatever it says
		return nil, m.refuse(ctx, event, ReasonExpired)
	case err != nil:
		m.observe(ctx, event.failed(err))
		return nil, err
	}
	if reason := m.judge(ctx, t, by.find(t), g); reason != "" {
		return nil, m.refuse(ctx, event, reason)
	}
	return m.admitted(g), nil
}

// A claim is what a login shows: the digest of its secret, or the ID of one
// that was proved before.
type claim struct {
	digest   *digest
	secretID uuid.UUID // if digest is nil
}

// find returns which secret of a token it is that a login shows, or -1.
func (c claim) find(t snapshot) int {
	if c.digest == nil {
		return t.indexSecret(c.secretID)
	}
	return t.proofs().indexDigest(c.digest)
}

// judge returns why a login is refused that shows this secret of the token; ""
// if it is admitted, and then g is its grant.
func (m *Manager) judge(ctx context.Context, t snapshot, secret int, g *Grant) Reason {
	if secret < 0 {
		return ReasonWrongSecret
	}
	p := t.proofs()
	g.shared, g.ctx, g.token, g.secret, g.lived = m.shared, ctx, t, secret, p.secrets()
	g.expiry = min(p.expiry(), p.secretExpiry(secret))
	if g.lived == maxSecrets && m.hasPassed(p.secretExpiry(1)) {
		g.lived = 1
	}
	if reason := g.ended(); reason != "" {
		return reason
	}
	if p.isDisabled() {
		return ReasonDisabled
	}
	return ""
}

// admitted tells the observers of a grant.
func (m *Manager) admitted(g *Grant) *Grant {
	if m.isObserved() {
		m.observe(g.ctx, g.event(OpAuthenticate))
	}
	return g
}

// refuse tells the observers why, and the caller nothing but that.
func (m *Manager) refuse(ctx context.Context, event Event, reason Reason) error {
	event.Outcome, event.Reason = Denied, reason
	m.observe(ctx, event)
	return ErrUnauthenticated
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
	token  snapshot
	expiry int64 // when the token or the secret ends, in milliseconds
	secret int   // which of the token's
	lived  int   // how many secrets the token had then
}

// Token returns the token as it stood when the grant was made.
func (g *Grant) Token() Token { return g.token.token(g.lived) }

// Secret returns which of the token's secrets the login proved.
func (g *Grant) Secret() Secret {
	if g.token.IsNone() {
		return Secret{}
	}
	return g.token.secret(g.secret)
}

// Authorize returns nil if the token's scopes together allow every action of a
// on the repository path, checked against the OCI name grammar and never
// cleaned up. Otherwise: a [*DeniedError], which is [ErrDenied], or
// [ErrUnauthenticated] once the token has expired. When it allows, it
// allocates nothing as long as the Manager has no observers.
func (g *Grant) Authorize(path string, a Action) error {
	observed := g.shared.isObserved()
	reason, scopes := g.decide(path, a, observed)
	if reason == "" && !observed {
		return nil
	}
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
	switch reason {
	case "", ReasonNoScope, ReasonMissingAction, ReasonInvalidAction: // it is a name, as decide has seen, or there is none
	default:
		path = auditablePath(path)
	}
	g.observe(path, a, reason, scopes)
	switch reason {
	case "":
		return nil
	case ReasonExpired, ReasonSecretEnded:
		return ErrUnauthenticated
	default:
		return &DeniedError{Path: path, Action: a, Reason: reason}
	}
}

// CanList reports whether [Grant.AuthorizeList] would return nil. No observer
// is told.
func (g *Grant) CanList() bool {
	return g.ended() == "" && Action(g.token.Value().Actions()).Has(List)
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
	all := uint8(sameTypes(a))
	if explain {
		return g.explain(path, a, all)
	}
	rules := g.token.Value()
	got := rules.Match(path, uint8(a))
	switch {
	case Action(got).Has(a):
		return "", nil
	case got != 0 || rules.Match(path, all&^uint8(a)) != 0:
		return ReasonMissingAction, nil
	}
	return ReasonNoScope, nil
}

// explain decides by all scopes that match the path and have any of these
// actions, one by one in their order.
func (g *Grant) explain(path string, a Action, all uint8) (Reason, []Scope) {
	var got Action
	var scopes []Scope
	for _, i := range g.token.Value().Matching(path, all) {
		scope := g.token.scope(i)
		got |= scope.Actions
		scopes = append(scopes, scope)
		if got.Has(a) {
			return "", needed(scopes, a)
		}
	}
	if len(scopes) > 0 {
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
	switch {
	case g.token.IsNone() || !g.shared.hasPassed(g.expiry):
		return ""
	case g.shared.hasPassed(g.token.proofs().expiry()):
		return ReasonExpired
	}
	return ReasonSecretEnded
}

func (g *Grant) observe(path string, a Action, reason Reason, scopes []Scope) {
	if !g.shared.isObserved() {
		return
	}
	event := g.event(OpAuthorize)
	event.Path, event.Action, event.Scopes, event.Reason = path, a, scopes, reason
	if reason != "" {
		event.Outcome = Denied
	}
	g.shared.observe(g.ctx, event)
}

// event begins an event about the grant's token.
func (g *Grant) event(op Operation) Event {
	key := g.token.Key()
	return Event{
		Operation: op,
		Outcome:   Succeeded,
		Registry:  key.First,
		TokenID:   uuid.UUID(g.token.ID()),
		TokenName: key.Second,
		Owner:     g.token.owner(),
	}
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
