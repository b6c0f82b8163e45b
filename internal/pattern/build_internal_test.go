package pattern

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is filed by the hash of a prefix by chance is still found when several
// rules share that prefix.
func TestRuleWithTheHashOfAPrefix(t *testing.T) {
	beside, err := compile("team/*-ro")
	require.NoError(t, err)
	for label, row := range map[string]struct {
		text, name func(i int) string
		filed      func(p *Pattern) uint32
	}{
		"literal": {
			func(i int) string { return fmt.Sprintf("app-%d", i) },
			func(i int) string { return fmt.Sprintf("app-%d", i) },
			func(p *Pattern) uint32 { return p.literal() },
		},
		"beside another prefix": {
			func(i int) string { return fmt.Sprintf("team/*-%d", i) },
			func(i int) string { return fmt.Sprintf("team/a-%d", i) },
			func(p *Pattern) uint32 { return p.both() },
		},
	} {
		t.Run(label, func(t *testing.T) {
			i, n := collide(t, row.text, row.filed)
			texts := []string{row.text(i), fmt.Sprintf("p-%d/*", n), fmt.Sprintf("p-%d/*-x", n), fmt.Sprintf("p-%d/*a*", n)}
			for range texts {
				texts = append(texts[1:], texts[0]) // so that each is the first once, and the last
				for range 2 {
					slices.Reverse(texts)
					rules := []Rule{{beside, 1}}
					for _, text := range texts {
						p, err := compile(text)
						require.NoError(t, err)
						rules = append(rules, Rule{p, 1})
					}
					rules = append(rules, slices.Repeat([]Rule{{beside, 1}}, mostScanned)...)
					set := newSet(rules)
					for _, name := range []string{row.name(i), fmt.Sprintf("p-%d/b", n), fmt.Sprintf("p-%d/b-x", n), fmt.Sprintf("p-%d/a", n)} {
						var want []int
						for place, r := range rules {
							if r.Pattern.Match(name) {
								want = append(want, place)
							}
						}
						require.NotEmpty(t, want)
						require.Equal(t, want, set.Matching(name, 1), "%q: %q", texts, name)
					}
				}
			}
		})
	}
}

// collide returns for which i a text is filed by the hash of the prefix "p-n/".
func collide(t *testing.T, text func(i int) string, filed func(p *Pattern) uint32) (i, n int) {
	t.Helper()
	prefixes, texts := map[uint32]int{}, map[uint32]int{}
	for n := 0; ; n++ {
		prefix, err := compile(fmt.Sprintf("p-%d/*", n))
		require.NoError(t, err)
		other, err := compile(text(n))
		require.NoError(t, err)
		prefixes[prefix.prefix], texts[filed(other)] = n, n
		if i, ok := texts[prefix.prefix]; ok {
			return i, n
		}
		if of, ok := prefixes[filed(other)]; ok {
			return n, of
		}
	}
}
