package pattern_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/pattern"
)

// A shape is a family of sets: the text of rule i, a name that it matches, and
// one near it that no rule does.
type shape struct {
	label string
	text  func(i int) string
	hit   func(i int) string
	miss  func(i int) string
}

var plainShapes = []shape{
	{"exact", numbered("team/app-%d"), numbered("team/app-%d"), numbered("team/app-%dx")},
	{"prefix", numbered("team-%d/*"), numbered("team-%d/app/web"), numbered("team-%dx/app/web")},
	{"pieces", numbered("team/*/prod-%d-*"), numbered("team/app/prod-%d-web"), numbered("team/app/prod-x%d-web")},
	{"suffix", numbered("*-%d-ro"), numbered("team/app-%d-ro"), numbered("team/app-%dx-ro")},
	{"middle", numbered("*mid-%d*"), numbered("team/mid-%d/web"), numbered("team/mid-x%d/web")},
	{"both", numbered("team/*/x-%d"), numbered("team/app/x-%d"), numbered("team/app/x-%dx")},
}

// shapes are the plain ones; their rules in turn; and prefixes of thirty
// lengths.
var shapes = append(plainShapes, shape{
	"mixed",
	func(i int) string { return plainShapes[i%len(plainShapes)].text(i) },
	func(i int) string { return plainShapes[i%len(plainShapes)].hit(i) },
	func(i int) string { return plainShapes[i%len(plainShapes)].miss(i) },
}, shape{"varied", varied("%s%d/*"), varied("%s%d/app/web"), varied("%s%dx/app/web")})

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func varied(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, "organisation-department-project"[:1+i*7%30], i) }
}

func (s shape) rules(tb testing.TB, n int) []pattern.Rule {
	tb.Helper()
	rules := make([]pattern.Rule, n)
	for i := range rules {
		rules[i] = rule(tb, s.text(i), 1)
	}
	return rules
}

func (s shape) set(tb testing.TB, n int) *pattern.Set { return pattern.NewSet(s.rules(tb, n)) }

// some returns names of a few rules spread over n.
func some(name func(int) string, n int) []string {
	names := make([]string, 32)
	for i := range names {
		names[i] = name(i * n / len(names))
	}
	return names
}

// BenchmarkSHA256 is the unit that the others are read beside: the digest of a
// secret. All of them:
//
//	go test -run '^$' -bench 'SHA256|Set|Adverse|Build|Cold' -count 10 ./internal/pattern
func BenchmarkSHA256(b *testing.B) {
	secret := make([]byte, 42)
	for b.Loop() {
		sha256.Sum256(secret)
	}
}

// BenchmarkSet asks sets of 1 to 10,000 rules for a few names in turn.
func BenchmarkSet(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{1, 10, 100, 1000, 10_000} {
			set := shape.set(b, n)
			benchmarkMatch(b, fmt.Sprintf("%s/%d/hit", shape.label, n), set, 1, some(shape.hit, n)...)
			benchmarkMatch(b, fmt.Sprintf("%s/%d/miss", shape.label, n), set, 0, some(shape.miss, n)...)
		}
	}
}

func benchmarkMatch(b *testing.B, label string, set *pattern.Set, got uint8, names ...string) {
	b.Helper()
	b.Run(label, func(b *testing.B) {
		for _, name := range names {
			require.Equal(b, got, set.Match(name, 1), name)
		}
		i := 0
		for b.Loop() {
			set.Match(names[i%len(names)], 1)
			i++
		}
	})
}

// BenchmarkAdverse asks sets that are made to be slow, beside a scan: each of
// their rules asked by itself.
func BenchmarkAdverse(b *testing.B) {
	long := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 10)[:pattern.MaxLength]
	give := func(actions uint8, texts func(i, j int) string, rows, columns int) (rules []pattern.Rule) {
		for i := range rows {
			for j := range columns {
				rules = append(rules, rule(b, texts(i, j), actions))
			}
		}
		return rules
	}
	grid := func(i, j int) string { return long[:i+1] + "*" + long[pattern.MaxLength-1-j:] }
	for _, row := range []struct {
		label, name string
		rules       []pattern.Rule
	}{
		// a*, aa*, aaa*, ...: all match, and lack the action.
		{"nested", strings.Repeat("a", 255), append(
			give(2, func(i, _ int) string { return strings.Repeat("a", i+1) + "*" }, 254, 1),
			rule(b, "b*", 1))},
		// Each prefix and each suffix of a name: all match, and lack it.
		{"lacking", long, append(give(2, grid, 100, 100), rule(b, "b*", 1))},
		// The same, but for each length of prefix and of suffix one rule has it,
		// and does not match.
		{"lacking-beside", long, append(give(2, grid, 100, 100),
			give(1, func(i, _ int) string { return long[:i+1] + "*" + strings.Repeat("z", i+1) }, 100, 1)...)},
		// Prefixes and suffixes in abundance, of which none match.
		{"grid", long[:pattern.MaxLength-1] + "z", give(1, grid, 100, 100)},
		// A hundred rules share each gram.
		{"grams", "team/project-7/x/image-77", give(1, func(i, j int) string { return fmt.Sprintf("*/project-%d/image-%d*", i, j) }, 100, 100)},
		// One gram that the name has at every place.
		{"repeated", strings.Repeat("a", 255), give(1, func(i, _ int) string { return "*" + strings.Repeat("a", i+1) + "*b*" }, 250, 1)},
		{"long", long, give(1, func(i, _ int) string { return fmt.Sprintf("*mid-%d*", i) }, 10_000, 1)},
	} {
		benchmarkMatch(b, row.label+"/set", pattern.NewSet(row.rules), 0, row.name)
		b.Run(row.label+"/scan", func(b *testing.B) {
			for b.Loop() {
				scan(row.rules, row.name)
			}
		})
	}
}

// scan is what a Set does, without one.
func scan(rules []pattern.Rule, name string) bool {
	for _, r := range rules {
		if r.Actions&1 != 0 && r.Pattern.Match(name) {
			return true
		}
	}
	return false
}

// BenchmarkBuild builds indexes, beside scans of the same rules for names that
// none matches: an index is to cost less than ten.
func BenchmarkBuild(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{17, 100, 10_000} {
			rules, misses := shape.rules(b, n), some(shape.miss, n)
			b.Run(fmt.Sprintf("%s/%d/build", shape.label, n), func(b *testing.B) {
				set := pattern.NewSet(rules)
				var size int
				for b.Loop() {
					size = pattern.BuildIndex(set)
				}
				b.ReportMetric(float64(size)/float64(n), "bytes/rule")
			})
			b.Run(fmt.Sprintf("%s/%d/scan", shape.label, n), func(b *testing.B) {
				i := 0
				for b.Loop() {
					scan(rules, misses[i%len(misses)])
					i++
				}
			})
		}
	}
}

// BenchmarkNewSet is for rules of which there is no set yet, and for ones that
// there is.
func BenchmarkNewSet(b *testing.B) {
	pool := plainShapes[1].rules(b, 4096)
	for _, n := range []int{1, 10, 1000} {
		rules := slices.Clone(pool[:n])
		b.Run(fmt.Sprintf("%d/known", n), func(b *testing.B) {
			known := pattern.NewSet(rules)
			for b.Loop() {
				pattern.NewSet(rules)
			}
			runtime.KeepAlive(known)
		})
		b.Run(fmt.Sprintf("%d/new", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ { // a million pass before one comes again
				rules[0] = pattern.Rule{Pattern: pool[i%len(pool)].Pattern, Actions: uint8(1 + i/len(pool)%255)}
				pattern.NewSet(rules)
			}
		})
	}
}

// BenchmarkCold asks 100,000 sets of ten rules at random, beside a load of 64
// bytes at random from as much memory; each waits for the one before it.
func BenchmarkCold(b *testing.B) {
	const count, size = 100_000, 10
	rng := rand.New(rand.NewPCG(1, 2))
	prefixes := plainShapes[1].rules(b, 1000)
	sets := make([]*pattern.Set, count)
	rules := make([]pattern.Rule, size)
	for i := range sets {
		for j := range rules {
			rules[j] = prefixes[rng.IntN(len(prefixes))]
		}
		sets[i] = pattern.NewSet(rules)
	}
	rng.Shuffle(count, func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
	for _, row := range []struct {
		label string
		name  func(*pattern.Set) string
	}{
		{"miss", func(*pattern.Set) string { return "team-x/app/web" }},
		{"hit", func(s *pattern.Set) string {
			return strings.Replace(s.Rule(size/2).Pattern.String(), "*", "app/web", 1)
		}},
	} {
		b.Run(row.label, func(b *testing.B) {
			names := make([]string, count)
			for i, s := range sets {
				names[i] = row.name(s)
			}
			for i := 0; b.Loop(); {
				got := sets[i].Match(names[i], 1)
				i = (i + 1 + int(got>>1)) % count
			}
		})
	}
	b.Run("load", func(b *testing.B) {
		const line = 64 / 8
		lines := make([]int, count*(64+size*24)/8)
		cycle := rng.Perm(len(lines) / line)
		for i, at := range cycle {
			lines[at*line] = cycle[(i+1)%len(cycle)] * line
		}
		at := 0
		for b.Loop() {
			at = lines[at]
		}
	})
}
