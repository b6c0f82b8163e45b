package pattern_test

import (
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
