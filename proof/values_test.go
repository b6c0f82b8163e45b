package proof_test

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
)

// The values that calls are made with: few, so that they collide, and at the
// edges of the rules. Texts that are refused include secrets, which people
// paste into wrong fields; drawText draws them.

var (
	registries    = []string{"", "", "", "team-one", "team-two"}
	badRegistries = []string{"Team", "ab", "team_one", " "}

	names    = []string{"abc", "abc", "abd", "aBc", "ab-1", "abc" + strings.Repeat("x", 60)}
	badNames = []string{
		"", "a", "ab", "Abc", "1bc", "-abc", "abc-", "ab_c", "ab.c", "a b c", "abc\n", "abc\x00", "äbc", "abcé", "ab\xffc", "аbc",
		"abc" + strings.Repeat("x", 61), strings.Repeat("-", 64),
	}

	owners    = []string{"", "", "alice", "alice", "bob", "Bob <bob@example.com>", "é", strings.Repeat("é", 127), strings.Repeat("o", 255)}
	badOwners = []string{strings.Repeat("é", 128), "a\nb", "\x00", "\x7f", "a\u0085", "\xff", "alice\xc3"}

	statuses    = []string{"", "", "enabled", "disabled"}
	badStatuses = []string{"Enabled", "on", " ", "disabled\n"}

	patterns = []string{
		"*", "team/*", "team", "team/a", "a", "*a", "a*", "t*/a", "*/a", "*/*", "team/*/b", "a*a", "te*m/*", "*.b", "a_*_b", "a-*",
		strings.Repeat("a", 255), strings.Repeat("*a", 127) + "*",
	}
	badPatterns = []string{
		"", "/", "/a", "a/", "a//b", "**", "a**", "/*", "*/", "A", "a?", "[a]", "{a,b}", `a\b`, "a b", "é", "a\x00", "a:b",
		".*", "a..b", "*.", "a.-b", "a___b", "a._*", "-", strings.Repeat("a", 256), strings.Repeat("*a", 128),
	}

	paths = []string{
		"a", "b", "team", "team/a", "team/a/b", "team/b", "team-evil/a", "a.b", "a_b", "a__b", "a---b", "aa", "t/a", strings.Repeat("a", 255),
	}
	badPaths = []string{
		"", "*", "team/*", "/a", "a/", "a//b", "a/../b", "./a", "../a", "A", "Team/a", "a%2fb", `a\b`, "a\x00", "team/а", "é", "a\n", "a..b", "a___b",
		strings.Repeat("a", 256),
	}

	kinds    = []string{"repository", "repository", "repository", "registry"}
	badKinds = []string{"", "Repository", "registry ", "image"}

	actionSets = []actions{
		{pull: true}, {pull: true}, {pull: true, push: true}, {admin: true}, {pull: true, push: true, admin: true}, {pull: true, admin: true},
	}
	badActionSets = []actions{
		{}, {push: true}, {push: true, admin: true}, {list: true}, {pull: true, list: true}, {pull: true, junk: true}, {junk: true},
	}
	askedActions = []actions{
		{pull: true}, {push: true}, {admin: true}, {list: true}, {pull: true, push: true}, {pull: true, push: true, admin: true},
		{pull: true, list: true}, {push: true, admin: true, list: true}, {}, {junk: true}, {pull: true, junk: true},
	}
)

// oneIn is true once in n times.
func oneIn(t *rapid.T, n int, label string) bool {
	return rapid.IntRange(0, n-1).Draw(t, label) == n-1
}

func pick[V any](t *rapid.T, from []V, label string) V {
	return rapid.SampledFrom(from).Draw(t, label)
}

// choose is pick where the log of a failure had better not show the value.
func choose[V any](t *rapid.T, from []V, label string) V {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

// drawText draws a good text, or (once in oddity times) a bad one or a secret.
func (w *world) drawText(t *rapid.T, label string, good, bad []string, oddity int) string {
	if !oneIn(t, oddity, "bad "+label) {
		return pick(t, good, label)
	}
	if len(w.issued) > 0 && oneIn(t, 4, "secret as "+label) {
		return choose(t, w.issued, label)
	}
	return pick(t, bad, label)
}

// drawPattern draws from the table, or makes one up.
func (w *world) drawPattern(t *rapid.T, oddity int) string {
	if oneIn(t, 3, "made-up pattern") {
		return rapid.StringOfN(rapid.SampledFrom([]rune("aab./_-**")), 1, 7, -1).Draw(t, "pattern")
	}
	return w.drawText(t, "pattern", patterns, badPatterns, oddity)
}

func (w *world) drawPath(t *rapid.T) string {
	if oneIn(t, 4, "made-up path") {
		return rapid.StringOfN(rapid.SampledFrom([]rune("aab./_-")), 1, 6, -1).Draw(t, "path")
	}
	return w.drawText(t, "path", paths, badPaths, 3)
}

func (w *world) drawScope(t *rapid.T, oddity int) scope {
	s := scope{kind: w.drawText(t, "scope type", kinds, badKinds, 2*oddity), path: w.drawPattern(t, oddity)}
	switch bad := oneIn(t, oddity, "bad actions"); {
	case bad:
		s.actions = pick(t, badActionSets, "actions")
	case s.kind == "registry":
		s.actions = actions{list: rapid.Bool().Draw(t, "spelled out")}
	default:
		s.actions = pick(t, actionSets, "actions")
	}
	return s
}

func (w *world) drawScopes(t *rapid.T, least, oddity int) []scope {
	n := rapid.IntRange(least, 3).Draw(t, "scopes")
	scopes := make([]scope, n)
	for i := range scopes {
		scopes[i] = w.drawScope(t, oddity)
	}
	return scopes
}

// drawExpiry draws an instant about the least that is allowed, in any zone.
func (w *world) drawExpiry(t *rapid.T) time.Time {
	least := w.model.now.Add(w.model.minLifetime)
	expiry := least.Add(pick(t, []time.Duration{
		0, 0, 1, time.Millisecond, time.Millisecond + 1, 10 * time.Minute, time.Hour, 1000 * time.Hour,
		-1, -time.Millisecond, -w.model.minLifetime, -1000 * time.Hour,
	}, "expiry"))
	return expiry.In(pick(t, []*time.Location{time.UTC, time.FixedZone("", 7200)}, "zone"))
}

func (w *world) drawOverlap(t *rapid.T) time.Duration {
	return pick(t, []time.Duration{
		0, 0, 1, time.Millisecond, 10 * time.Minute, time.Hour, 2000 * time.Hour, -1, -time.Millisecond, -1 << 63,
	}, "overlap")
}

// What the library calls the model's values.

func (a actions) real() (set regtoken.Action) {
	for _, bit := range []struct {
		has bool
		is  regtoken.Action
	}{{a.pull, regtoken.Pull}, {a.push, regtoken.Push}, {a.admin, regtoken.Admin}, {a.list, regtoken.List}, {a.junk, 1 << 7}} {
		if bit.has {
			set |= bit.is
		}
	}
	return set
}

func (s scope) real() regtoken.Scope {
	return regtoken.Scope{Type: regtoken.ScopeType(s.kind), Path: s.path, Actions: s.actions.real()}
}

func realScopes(scopes []scope) []regtoken.Scope {
	var public []regtoken.Scope
	for _, s := range scopes {
		public = append(public, s.real())
	}
	return public
}

func (m *model) real(t *token) regtoken.Token {
	public := regtoken.Token{
		ID: t.id, Registry: t.registry, Name: t.name, Owner: t.owner, Status: regtoken.Enabled,
		CreatedAt: t.created, ExpiresAt: t.expiry, Scopes: realScopes(t.scopes),
	}
	if t.disabled {
		public.Status = regtoken.Disabled
	}
	for _, s := range m.liveSecrets(t) {
		public.Secrets = append(public.Secrets, s.real())
	}
	return public
}

func (s secret) real() regtoken.Secret {
	return regtoken.Secret{ID: s.id, CreatedAt: s.created, ExpiresAt: s.ends}
}
