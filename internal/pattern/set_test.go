package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/pattern"
)

const everything = 15 // all actions that these tests ask for

// spare is an action that they never ask for.
const spare = 16

func rule(tb testing.TB, text string, actions uint8) pattern.Rule {
	tb.Helper()
	p, err := pattern.Compile(text)
	require.NoError(tb, err, text)
	return pattern.Rule{Pattern: p, Actions: actions}
}

// requireReference compares a Set of the rules with the reference: by itself,
// and in the company of ever more rules that give nothing of what is wanted,
// so that the same rules are found in a list and in indexes of several shapes.
func requireReference(t *testing.T, rules []pattern.Rule, names ...string) {
	t.Helper()
	var others, siblings []pattern.Rule
	for i := range 16 {
		others = append(others, rule(t, fmt.Sprintf("other-%d*", i), spare))
	}
	for _, r := range rules {
		text := r.Pattern.String()
		for i := range 4 * min(1, strings.Count(text, "*")) {
			sibling := strings.Replace(text, "*", fmt.Sprintf("*x%d*", i), 1)
			if len(pattern.Check(sibling)) == 0 {
				siblings = append(siblings, rule(t, sibling, spare))
			}
		}
	}
	sets := []*pattern.Set{
		pattern.NewSet(rules),
		pattern.NewSet(slices.Concat(rules, others)),
		pattern.NewSet(slices.Concat(rules, others, siblings)),
	}
	for _, name := range names {
		matched := make([]bool, len(rules))
		for i, r := range rules {
			matched[i] = matches(r.Pattern.String(), name)
		}
		for want := uint8(1); want <= everything; want++ {
			var got uint8
			var places []int
			for i, r := range rules {
				if matched[i] && r.Actions&want != 0 {
					got |= r.Actions & want
					places = append(places, i)
				}
			}
			for _, set := range sets {
				if set.Match(name, want) != got || !slices.Equal(set.Matching(name, want), places) {
					require.Equal(t, got, set.Match(name, want), "%d rules, %q, %b", set.Len(), name, want)
					require.Equal(t, places, set.Matching(name, want), "%d rules, %q, %b", set.Len(), name, want)
				}
			}
		}
	}
}

func TestSet(t *testing.T) {
	many := func(format string, n int, actions uint8) (rules []pattern.Rule) {
		for i := range n {
			rules = append(rules, rule(t, fmt.Sprintf(format, i), actions))
		}
		return rules
	}
	several := func(actions uint8, texts ...string) (rules []pattern.Rule) {
		for _, text := range texts {
			rules = append(rules, rule(t, text, actions))
		}
		return rules
	}
	long, alphabet := strings.Repeat("a", 255), strings.Repeat("abcdefghij", 10)
	var nested, grid, suffixes, tails []pattern.Rule
	for i := range 130 {
		suffixes = append(suffixes, rule(t, "t*/"+long[:i+1], uint8(1+i%3)))
		tails = append(tails, rule(t, "t*"+long[:i+1], uint8(1+i%3)))
	}
	for i := range 30 {
		nested = append(nested, rule(t, long[:8*i+1]+"*", uint8(1+i%3)))
		for j := range 30 {
			grid = append(grid, rule(t, alphabet[:i+1]+"*"+alphabet[99-j:], uint8(1+i*j%3)))
		}
		grid = append(grid, rule(t, alphabet[:i+1]+"*"+long[:i+1], 8))
	}
	for label, row := range map[string]struct {
		rules []pattern.Rule
		names []string
	}{
		"none":       {nil, []string{"a"}},
		"one":        {several(1, "team/*"), []string{"team/a", "team", "teams/a"}},
		"overlap":    {several(1, "aba*ba", "a*a", "ab*ab*"), []string{"aba", "ababa", "a", "aa", "abab"}},
		"union":      {slices.Concat(several(1, "a*"), several(2, "*b"), several(4, "a*b")), []string{"ab", "a", "b", "acb", "c"}},
		"twice":      {slices.Repeat(slices.Concat(several(1, "a/*"), several(6, "a/*")), 4), []string{"a/b", "a"}},
		"everything": {several(8, "*"), []string{"a", "a/b", long}},
		"exact":      {many("team/app-%d", 40, 3), []string{"team/app-0", "team/app-39", "team/app-40", "team/app-3/x", "team/app"}},
		"prefix":     {many("team-%d/*", 40, 3), []string{"team-0/a", "team-39/a", "team-40/a", "team-3", "team-3/a/b"}},
		"suffix":     {many("*-%d-ro", 40, 3), []string{"a-0-ro", "a-39-ro", "a-40-ro", "a-3-rw", "a/b-3-ro"}},
		"middle":     {many("*mid-%d*", 40, 3), []string{"mid-0", "a/mid-39-x", "mid-4x", "mid", "mid-x"}},
		"both":       {many("team/*/x-%d", 40, 3), []string{"team/a/x-0", "team/a/b/x-39", "team/a/x-40", "team/x-1"}},
		"pieces":     {many("team/*/prod-%d-*", 40, 3), []string{"team/a/prod-0-x", "team/a/prod-39-x", "team/a/prod-40-x", "team/prod-1-x"}},
		"two":        {several(1, "*a*b*", "*b*a*"), []string{"a", "ab", "ba", "xbxax", "xx"}},
		"pairs": {slices.Concat(many("team-%d/*", 20, 1), many("team-%d/*-ro", 20, 2), many("team-%d/*/prod-*", 20, 4)),
			[]string{"team-0/a", "team-19/a-ro", "team-19/a/prod-1", "team-7/a/prod-1-ro", "team-7", "team-20/a-ro"}},
		"shared": {slices.Concat(several(1, "a/*-ro", "a/*x1*-ro", "a/*x2*-ro"), several(2, "a/*", "a/*x1*", "a/*x2*"), several(4, "b/*-ro", "b/*x1*-ro"), several(8, "a/*-ro", "*", "*-ro")),
			[]string{"a/b", "a/b-ro", "a/x1", "a/x1-ro", "a/x2/x1-ro", "b/x1-ro", "b/x2-ro", "c-ro", "c", "x1-ro"}},
		"beside": {several(5, "a*", "b-*", "c.d*", "ab*", "team.*", "team-*", "team/*", "*a", "*-b", "*_c", "*.d", "*--dd", "*/d", "*0", "a/*0", "a/*-b"),
			[]string{"a", "b-1", "c.d", "c/d", "ab", "team.a", "team-a", "team/a", "team_x", "x-b", "x_c", "x.d", "x--dd", "x/d", "x0", "a/0", "a/x-b", "z"}},
		// Bytes that have no bit in common: the zero behind a name's end fits.
		"beyond": {several(1, "team_*", "team/*", "team0*", "*_team", "*/team", "*0team", "t*_team", "t*/team", "t*0team"),
			[]string{"team", "tea", "te", "t", "team/a", "team0", "t_team", "t0team"}},
		"nested":   {nested, []string{long, "a", "b", long[:100], long[:100] + "b"}},
		"suffixes": {suffixes, []string{"t/a", "t/aaa", "t/" + long[:70], "t/" + long[:130], "t/" + long[:131], "t/t"}},
		"tails":    {tails, []string{"t/" + long[:131], "t" + long[:50], "t"}},
		"grid":     {grid, []string{alphabet, alphabet + "z", "z" + alphabet, alphabet[:99] + "a", alphabet[:3] + alphabet[97:], "a"}},
		"letters":  {several(1, "*a*", "*b*", "*c*", "*d*", "*ab*", "*cd*", "*e*f*", "*g*h*"), []string{"a", "b", "xd", "acd", "fe", "ef", "h/g/h", "z"}},
		"long": {several(1, long, long[:254]+"*", "*"+long[:254], long[:100]+"*"+long[:100], "*"+long[:200]+"*", long[:64]+"*", long[:65]+"*b",
			"*"+long[:129], long[:10]+"*"+long[:70], long[:10]+"*"+long[:134], long[:10]+"*"+long[:198]),
			[]string{long, long[:254], long[:253], long[:201], long[:199], long[:129], long[:80], long[:64], long[:65] + "b", "b"}},
	} {
		t.Run(label, func(t *testing.T) { requireReference(t, row.rules, row.names...) })
	}
}

func TestSetAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		requireRandom(t, rng)
	}
}

// Hashes only propose: even if they collide all the time, the answers are the
// same.
func TestSetOfCollidingHashes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, key := range []uint64{0, 1 << 20, 1 << 40, 1 << 63} {
		t.Run(fmt.Sprintf("%x", key), func(t *testing.T) {
			pattern.CollideHashes(t, key)
			for range 20 {
				requireRandom(t, rng)
			}
		})
	}
}

// requireRandom compares random rules of few words, so that they share
// beginnings, ends and middles, for names that fill a rule's stars in and names
// near them.
func requireRandom(t *testing.T, rng *rand.Rand) {
	t.Helper()
	words := []string{"a", "b", "ab", "team", "team-1", "prod", "/", "/", "-", "x/y", "*", "*", "*", "app-12", "registry/organisation/"}
	text := func(most int) string {
		var b strings.Builder
		for range 1 + rng.IntN(most) {
			b.WriteString(words[rng.IntN(len(words))])
		}
		return b.String()
	}
	var rules []pattern.Rule
	for count := 1 << rng.IntN(8); len(rules) < count; {
		if text := text(6); len(pattern.Check(text)) == 0 {
			rules = append(rules, rule(t, text, uint8(1+rng.IntN(everything))))
		}
	}
	var names []string
	for range 50 {
		name := rules[rng.IntN(len(rules))].Pattern.String()
		for strings.Contains(name, "*") {
			name = strings.Replace(name, "*", strings.ReplaceAll(text(3), "*", ""), 1)
		}
		if rng.IntN(4) == 0 {
			name = name[:rng.IntN(len(name)+1)] + "a" + name[rng.IntN(len(name)+1):]
		}
		if pattern.IsName(name) {
			names = append(names, name)
		}
	}
	requireReference(t, rules, names...)
}

func FuzzSet(f *testing.F) {
	for _, seed := range [][2]string{
		{"* a a* *a *a*", "a"},
		{"team/* team/*/prod team/*/prod-* team/*/dev-*", "team/a/prod-1"},
		{"a* aa* aaa* aaaa* aaaaa*", "aaa"},
		{"*ab* *ba* *aba* *abab*", "xababx"},
		{"*a*b* *b*a* *c*a* *abcd*a*", "abcd"},
		{"registry/organisation/*/images/of/the/team registry/organisation/*/images/of/that/team", "registry/organisation/a/images/of/the/team"},
	} {
		f.Add(seed[0], []byte{1, 2, 4, 8, 3}, seed[1])
	}
	f.Fuzz(func(t *testing.T, texts string, actions []byte, name string) {
		if !pattern.IsName(name) || len(actions) == 0 || len(name) > 100 || len(texts) > 400 { // larger ones are slow
			return
		}
		var rules []pattern.Rule
		for i, text := range strings.Fields(texts) {
			if len(pattern.Check(text)) == 0 {
				rules = append(rules, rule(t, text, max(1, actions[i%len(actions)]&everything)))
			}
		}
		requireReference(t, rules, name)
	})
}

func TestSetHoldsItsRules(t *testing.T) {
	rules := []pattern.Rule{rule(t, "a", 1), rule(t, "b*", 6)}
	set := pattern.NewSet(rules)
	rules[0] = rule(t, "c", 8)
	require.Equal(t, 2, set.Len())
	require.Equal(t, rule(t, "a", 1), set.Rule(0))
	require.Equal(t, rule(t, "b*", 6), set.Rule(1))
	require.EqualValues(t, 7, set.Actions())
	require.Zero(t, set.Match("c", 8))
}

func TestSetOfAnySize(t *testing.T) {
	for n := range 20 {
		rules := make([]pattern.Rule, n)
		for i := range rules {
			rules[i] = rule(t, fmt.Sprintf("size-%d/*", i), uint8(1+i))
		}
		set := pattern.NewSet(rules)
		require.Equal(t, n, set.Len())
		for i, r := range rules {
			require.Equal(t, r, set.Rule(i))
			require.Equal(t, []int{i}, set.Matching(fmt.Sprintf("size-%d/a", i), 255))
		}
	}
}

func TestSetOfNothing(t *testing.T) {
	set := pattern.NewSet(nil)
	require.Nil(t, set)
	require.Zero(t, set.Len())
	require.Zero(t, set.Actions())
	require.Zero(t, set.Match("a", everything))
	require.Empty(t, set.Matching("a", everything))
	require.Zero(t, pattern.NewSet([]pattern.Rule{rule(t, "*", 1)}).Match("a", 0))
}

func TestSetShares(t *testing.T) {
	list := func(texts ...string) *pattern.Set {
		var rules []pattern.Rule
		for _, text := range texts {
			rules = append(rules, rule(t, strings.Clone(text), 3))
		}
		return pattern.NewSet(rules)
	}
	one := list("shared/a", "shared/b*")
	require.Same(t, one, list("shared/a", "shared/b*"))
	require.NotSame(t, one, list("shared/b*", "shared/a"))
	require.NotSame(t, one, list("shared/a"))
	require.NotSame(t, one, pattern.NewSet([]pattern.Rule{rule(t, "shared/a", 1), rule(t, "shared/b*", 3)}))
	runtime.KeepAlive(one)
}

func TestSetIsDropped(t *testing.T) {
	rules := []pattern.Rule{rule(t, "dropped/*", 1)}
	held := weak.Make(pattern.NewSet(rules))
	runtime.GC()
	require.Nil(t, held.Value())
	require.EqualValues(t, 1, pattern.NewSet(rules).Match("dropped/a", 1))
}

func TestSetAllocatesNothing(t *testing.T) {
	for _, n := range []int{1, 16, 17, 10_000} {
		for _, shape := range shapes {
			set := shape.set(t, n)
			hit, miss := shape.hit(n-1), shape.miss(n-1)
			require.EqualValues(t, 1, set.Match(hit, 1), "%s, %d: %s", shape.label, n, hit)
			require.Zero(t, set.Match(miss, 1), "%s, %d: %s", shape.label, n, miss)
			for _, name := range []string{hit, miss} {
				require.Zero(t, testing.AllocsPerRun(100, func() { set.Match(name, 1) }), "%s, %d: %s", shape.label, n, name)
			}
		}
	}
}

// The first to ask build the index together.
func TestSetIsAskedConcurrently(t *testing.T) {
	for _, shape := range shapes {
		set := shape.set(t, 500)
		var asking sync.WaitGroup
		for i := range 8 {
			asking.Go(func() {
				if set.Match(shape.hit(i), 1) != 1 || set.Match(shape.miss(i), 1) != 0 || len(set.Matching(shape.hit(i), 1)) == 0 {
					t.Errorf("%s: wrong at rule %d", shape.label, i)
				}
			})
		}
		asking.Wait()
	}
}
