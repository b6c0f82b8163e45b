package proof_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken"
)

// A model is SPEC.md sec. 2 to 5 in the plainest form there is: slices, loops
// and regular expressions. It shares nothing with the library but the names of
// its answers.
type model struct {
	now                time.Time
	minLifetime, grace time.Duration
	tokens             []*token // also those past their expiry, until they are removed
}

type token struct {
	id                    uuid.UUID
	registry, name, owner string
	disabled              bool
	created, expiry       time.Time
	scopes                []scope
	secrets               []secret // the current one first
}

type secret struct {
	id            uuid.UUID
	password      string
	created, ends time.Time
}

type scope struct {
	kind, path string
	actions    actions
}

type actions struct{ pull, push, admin, list, junk bool }

// An answer is what a call must come to: success, or this error, with the set
// of faulty fields if the input is to blame.
type answer struct {
	err    error
	faults []string
}

func invalid(faults []string) answer {
	slices.Sort(faults)
	return answer{regtoken.ErrInvalid, slices.Compact(faults)}
}

// Grammars.

var (
	nameGrammar       = regexp.MustCompile(`^[a-z][a-zA-Z0-9-]{1,61}[a-zA-Z0-9]$`)
	repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	secretForm        = regexp.MustCompile(`[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{38}`)
	controlCharacter  = regexp.MustCompile(`\p{Cc}`)
)

func isName(s string) bool       { return nameGrammar.MatchString(s) }
func isRegistry(s string) bool   { return s == "" || isName(s) }
func isRepository(s string) bool { return len(s) <= 255 && repositoryGrammar.MatchString(s) }

func isOwner(s string) bool {
	return len(s) <= 255 && utf8.ValidString(s) && !controlCharacter.MatchString(s) && !secretForm.MatchString(s)
}

func isStatus(s string) bool { return s == "enabled" || s == "disabled" }

// isPattern rests on a fact about the grammar: whatever a star may stand for
// in some repository name, a single letter does as well.
func isPattern(s string) bool {
	return !strings.Contains(s, "**") && isRepository(strings.ReplaceAll(s, "*", "a"))
}

// matches reports whether pattern matches all of name.
func matches(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return matches(pattern[1:], name) || name != "" && matches(pattern, name[1:])
	default:
		return name != "" && pattern[0] == name[0] && matches(pattern[1:], name[1:])
	}
}

func scopeFaults(prefix string, s scope) (faults []string) {
	a := s.actions
	registry, repository := s.kind == "registry", s.kind == "repository"
	if !registry && !repository {
		faults = append(faults, prefix+"type")
	}
	if !isPattern(s.path) {
		faults = append(faults, prefix+"path")
	}
	if a.junk ||
		registry && (a.pull || a.push || a.admin) || // list need not be said
		repository && (a.list || !a.pull && !a.push && !a.admin || a.push && !a.pull) {
		faults = append(faults, prefix+"actions")
	}
	return faults
}

func scopesFaults(scopes []scope) (faults []string) {
	for i, s := range scopes {
		faults = append(faults, scopeFaults(fmt.Sprintf("scopes[%d].", i), s)...)
	}
	return faults
}

// spelledOut is s with the one action that a registry scope may leave open.
func (s scope) spelledOut() scope {
	if s.kind == "registry" {
		s.actions.list = true
	}
	return s
}

func (m *model) registryFaults(registry string) []string {
	if !isRegistry(registry) {
		return []string{"registry"}
	}
	return nil
}

// toMillisecond rounds up.
func toMillisecond(t time.Time) time.Time {
	for t.Nanosecond()%1e6 != 0 {
		t = t.Add(time.Duration(1e6 - t.Nanosecond()%1e6))
	}
	return t.UTC()
}

// Life and death.

func ended(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

func (m *model) live(t *token) bool { return !ended(t.expiry, m.now) }

// liveSecrets are those that log in with the token, if it may log in at all.
func (m *model) liveSecrets(t *token) (live []secret) {
	for _, s := range t.secrets {
		if !ended(s.ends, m.now) {
			live = append(live, s)
		}
	}
	return live
}

// byID finds a live token as a view of the registry sees it.
func (m *model) byID(registry string, id uuid.UUID) *token {
	for _, t := range m.tokens {
		if t.registry == registry && t.id == id && m.live(t) {
			return t
		}
	}
	return nil
}

// holder finds the token that has the name, dead or alive.
func (m *model) holder(registry, name string) *token {
	for _, t := range m.tokens {
		if t.registry == registry && t.name == name {
			return t
		}
	}
	return nil
}

// list returns the live tokens of a registry by name.
func (m *model) list(registry, prefix, owner string) (listed []*token) {
	for _, t := range m.tokens {
		if t.registry == registry && m.live(t) && strings.HasPrefix(t.name, prefix) && (owner == "" || t.owner == owner) {
			listed = append(listed, t)
		}
	}
	slices.SortFunc(listed, func(a, b *token) int { return strings.Compare(a.name, b.name) })
	return listed
}

func (m *model) remove(t *token) {
	m.tokens = slices.DeleteFunc(m.tokens, func(other *token) bool { return other == t })
}

// sweep removes what is past its expiry and the grace.
func (m *model) sweep() (removed []*token) {
	for _, t := range slices.Clone(m.tokens) {
		if !t.expiry.IsZero() && !m.now.Before(t.expiry.Add(m.grace)) {
			removed = append(removed, t)
			m.remove(t)
		}
	}
	return removed
}

// Calls. Each returns what the library must answer, and changes the model if
// that is success.

type spec struct {
	name, owner, status string
	expiry              time.Time
	scopes              []scope
}

func (m *model) mayExpireAt(expiry time.Time) bool {
	return !expiry.Before(m.now.Add(m.minLifetime))
}

// create returns the new token, for the caller to note the ID and the secret
// that the library chose, and the dead one that made room for it.
func (m *model) create(registry string, s spec) (made, evicted *token, a answer) {
	faults := m.registryFaults(registry)
	if !isName(s.name) {
		faults = append(faults, "name")
	}
	if !isOwner(s.owner) {
		faults = append(faults, "owner")
	}
	if s.status != "" && !isStatus(s.status) {
		faults = append(faults, "status")
	}
	if !s.expiry.IsZero() && !m.mayExpireAt(s.expiry) {
		faults = append(faults, "expiry")
	}
	faults = append(faults, scopesFaults(s.scopes)...)
	if len(faults) > 0 {
		return nil, nil, invalid(faults)
	}
	if evicted = m.holder(registry, s.name); evicted != nil {
		if m.live(evicted) {
			return nil, nil, answer{err: regtoken.ErrNameTaken}
		}
		m.remove(evicted)
	}
	made = &token{
		registry: registry, name: s.name, owner: s.owner, disabled: s.status == "disabled",
		created: m.now.Truncate(time.Millisecond), expiry: toMillisecond(s.expiry),
	}
	made.add(s.scopes)
	m.tokens = append(m.tokens, made)
	return made, evicted, answer{}
}

func (t *token) add(scopes []scope) (added []scope) {
	for _, s := range scopes {
		if s = s.spelledOut(); !slices.Contains(t.scopes, s) {
			t.scopes = append(t.scopes, s)
			added = append(added, s)
		}
	}
	return added
}

// change finds the token that a call means to change, unless the input is
// invalid.
func (m *model) change(registry string, id uuid.UUID, faults []string) (*token, answer) {
	if faults = append(faults, m.registryFaults(registry)...); len(faults) > 0 {
		return nil, invalid(faults)
	}
	t := m.byID(registry, id)
	if t == nil {
		return nil, answer{err: regtoken.ErrNotFound}
	}
	return t, answer{}
}

// forget drops what had ended at the last call that was to change the token: a
// clock that is set back later does not bring it back to life.
func (m *model) forget(t *token) { t.secrets = m.liveSecrets(t) }

type edit struct {
	status     string
	set, clear bool
	expiry     time.Time
}

func (m *model) edit(registry string, id uuid.UUID, e edit) (t *token, changed bool, a answer) {
	var faults []string
	if e.status != "" && !isStatus(e.status) {
		faults = append(faults, "status")
	}
	if e.set && !m.mayExpireAt(e.expiry) {
		faults = append(faults, "expiry")
	}
	if t, a = m.change(registry, id, faults); t == nil {
		return nil, false, a
	}
	disabled, expiry := t.disabled, t.expiry
	if e.status != "" {
		t.disabled = e.status == "disabled"
	}
	if e.set {
		t.expiry = toMillisecond(e.expiry)
	}
	if e.clear {
		t.expiry = time.Time{}
	}
	changed = t.disabled != disabled || !t.expiry.Equal(expiry)
	m.forget(t)
	return t, changed, answer{}
}

// rotate adds a secret for the caller to note the library's choice in.
func (m *model) rotate(registry string, id uuid.UUID, overlap time.Duration) (*token, answer) {
	var faults []string
	if overlap < 0 {
		faults = append(faults, "overlap")
	}
	t, a := m.change(registry, id, faults)
	if t == nil {
		return nil, a
	}
	rotated := []secret{{created: m.now.Truncate(time.Millisecond)}}
	if overlap > 0 {
		old := t.secrets[0]
		old.ends = toMillisecond(m.now.Add(overlap))
		rotated = append(rotated, old)
	}
	t.secrets = rotated
	return t, answer{}
}

func (m *model) retire(registry string, id uuid.UUID) (t *token, changed bool, a answer) {
	if t, a = m.change(registry, id, nil); t == nil {
		return nil, false, a
	}
	changed = len(m.liveSecrets(t)) > 1
	t.secrets = t.secrets[:1]
	return t, changed, answer{}
}

func (m *model) delete(registry string, id uuid.UUID) (*token, answer) {
	t, a := m.change(registry, id, nil)
	if t != nil {
		m.remove(t)
	}
	return t, a
}

func (m *model) addScopes(registry string, id uuid.UUID, scopes []scope) (t *token, added []scope, a answer) {
	if t, a = m.change(registry, id, scopesFaults(scopes)); t == nil {
		return nil, nil, a
	}
	added = t.add(scopes)
	m.forget(t)
	return t, added, answer{}
}

func (m *model) removeScope(registry string, id uuid.UUID, s scope) (*token, answer) {
	t, a := m.change(registry, id, scopeFaults("", s))
	if t == nil {
		return nil, a
	}
	i := slices.Index(t.scopes, s.spelledOut())
	if i < 0 {
		return t, answer{err: regtoken.ErrScopeNotFound}
	}
	t.scopes = slices.Delete(t.scopes, i, i+1)
	m.forget(t)
	return t, answer{}
}

func (m *model) removeAllScopes(registry string, id uuid.UUID) (t *token, removed []scope, a answer) {
	if t, a = m.change(registry, id, nil); t == nil {
		return nil, nil, a
	}
	removed, t.scopes = t.scopes, nil
	m.forget(t)
	return t, removed, answer{}
}

// Decisions.

// login judges who presents what: the token and the secret proved, or all the
// true reasons to refuse, of which an event may give any. proves says whether
// a secret is the one presented.
func (m *model) login(t *token, proves func(secret) bool) (secret, []regtoken.Reason) {
	if t == nil {
		return secret{}, []regtoken.Reason{regtoken.ReasonUnknownToken}
	}
	var reasons []regtoken.Reason
	if !m.live(t) {
		reasons = append(reasons, regtoken.ReasonExpired)
	}
	if t.disabled {
		reasons = append(reasons, regtoken.ReasonDisabled)
	}
	i := slices.IndexFunc(t.secrets, proves)
	if i < 0 {
		return secret{}, append(reasons, regtoken.ReasonWrongSecret)
	}
	if ended(t.secrets[i].ends, m.now) {
		reasons = append(reasons, regtoken.ReasonSecretEnded)
	}
	return t.secrets[i], reasons
}

// A grant is what a login got: the rights of that moment.
type grant struct {
	token  token
	secret secret
}

// grantEnded returns why a grant is over by itself, if it is.
func (m *model) grantEnded(g *grant) (reasons []regtoken.Reason) {
	if ended(g.token.expiry, m.now) {
		reasons = append(reasons, regtoken.ReasonExpired)
	}
	if ended(g.secret.ends, m.now) {
		reasons = append(reasons, regtoken.ReasonSecretEnded)
	}
	return reasons
}

// authorize returns all the true reasons to deny, none if it is allowed, and
// the scopes of the right type that match the path.
func (m *model) authorize(g *grant, path string, asked actions) (reasons []regtoken.Reason, matching []scope) {
	if over := m.grantEnded(g); over != nil {
		return over, nil
	}
	if !isRepository(path) {
		reasons = append(reasons, regtoken.ReasonInvalidPath)
	}
	if asked.junk || asked == (actions{}) {
		reasons = append(reasons, regtoken.ReasonInvalidAction)
	}
	if len(reasons) > 0 {
		return reasons, nil
	}
	for _, s := range g.token.scopes {
		rightType := s.kind == "registry" && asked.list || s.kind == "repository" && (asked.pull || asked.push || asked.admin)
		if rightType && matches(s.path, path) {
			matching = append(matching, s)
		}
	}
	switch {
	case len(matching) == 0:
		return []regtoken.Reason{regtoken.ReasonNoScope}, nil
	case !cover(matching, asked):
		return []regtoken.Reason{regtoken.ReasonMissingAction}, matching
	}
	return nil, matching
}

// cover reports whether the scopes together have every action asked for.
func cover(scopes []scope, asked actions) bool {
	var got actions
	for _, s := range scopes {
		got.pull = got.pull || s.actions.pull
		got.push = got.push || s.actions.push
		got.admin = got.admin || s.actions.admin
		got.list = got.list || s.actions.list
	}
	return (got.pull || !asked.pull) && (got.push || !asked.push) && (got.admin || !asked.admin) && (got.list || !asked.list)
}

// authorizeList returns why a token may not ask for the listing at all, if so.
func (m *model) authorizeList(g *grant) []regtoken.Reason {
	if over := m.grantEnded(g); over != nil {
		return over
	}
	if !slices.ContainsFunc(g.token.scopes, func(s scope) bool { return s.kind == "registry" }) {
		return []regtoken.Reason{regtoken.ReasonNoRegistryScope}
	}
	return nil
}
