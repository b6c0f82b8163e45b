package pattern_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

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

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

// varied is numbered with a word of some length at each number.
func varied(format string) func(int) string {
	return func(i int) string {
		return fmt.Sprintf(format, "organisation-department-project"[:1+i*7%30], i)
	}
}

var shapes = append(plainShapes, shape{
	label: "mixed",
	text:  func(i int) string { return plainShapes[i%len(plainShapes)].text(i) },
	hit:   func(i int) string { return plainShapes[i%len(plainShapes)].hit(i) },
	miss:  func(i int) string { return plainShapes[i%len(plainShapes)].miss(i) },
})

var plainShapes = []shape{
	{"exact", numbered("team/app-%d"), numbered("team/app-%d"), numbered("team/app-%dx")},
	{"prefix", numbered("team-%d/*"), numbered("team-%d/app/web"), numbered("team-%dx/app/web")},
	{"pieces", numbered("team/*/prod-%d-*"), numbered("team/app/prod-%d-web"), numbered("team/app/prod-x%d-web")},
	{"suffix", numbered("*-%d-ro"), numbered("team/app-%d-ro"), numbered("team/app-%dx-ro")},
	{"middle", numbered("*mid-%d*"), numbered("team/mid-%d/web"), numbered("team/mid-x%d/web")},
	{"varied", varied("%s%d/*"), varied("%s%d/app/web"), varied("%s%dx/app/web")},
	{"both", numbered("team/*/x-%d"), numbered("team/app/x-%d"), numbered("team/app/x-%dx")},
}

func (s shape) set(tb testing.TB, n int) *pattern.Set {
	tb.Helper()
	rules := make([]pattern.Rule, n)
	for i := range rules {
		rules[i] = rule(tb, s.text(i), 1)
	}
	return pattern.NewSet(rules)
}

// BenchmarkSHA256 is the unit beside which the others are read: the digest of
// a secret.
func BenchmarkSHA256(b *testing.B) {
	secret := make([]byte, 42)
	for b.Loop() {
		sha256.Sum256(secret)
	}
}

// BenchmarkSet asks sets of 1 to 10,000 rules, each for a few names in turn.
func BenchmarkSet(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{1, 10, 100, 1000, 10_000} {
			set := shape.set(b, n)
			for _, row := range []struct {
				label string
				name  func(int) string
				got   uint8
			}{{"hit", shape.hit, 1}, {"miss", shape.miss, 0}} {
				b.Run(fmt.Sprintf("%s/%d/%s", shape.label, n, row.label), func(b *testing.B) {
					var names [32]string
					for i := range names {
						names[i] = row.name(i * n / len(names))
						if set.Match(names[i], 1) != row.got {
							b.Fatal(names[i])
						}
					}
					i := 0
					for b.Loop() {
						set.Match(names[i%len(names)], 1)
						i++
					}
				})
			}
		}
	}
}
