package decision_test

import (
	"flag"
	"fmt"
	"testing"
)

var full = flag.Bool("full", false, "decision: also 10,000 rules")

// contenders are in the order in which the results list them.
var contenders = []contender{
	{name: "regtoken", build: buildRegtoken},
	{name: "go-radix (Vault)", build: buildVault},
	{name: "OPA (indexed)", build: buildOPAIndexed},
	{name: "OPA (data)", build: buildOPAData},
	{name: "cedar-go (scope)", build: buildCedarScope},
	{name: "cedar-go (like)", build: buildCedarLike, patternsOnly: true},
	{name: "casbin", build: buildCasbin},
	{name: "casbin (cached)", build: buildCasbinCached},
	{name: "gobwas (loop)", build: buildGobwas},
	{name: "doublestar (zot)", build: buildZot, unlike: teamAlone},
	{name: "docker_auth (approximation)", build: buildDockerAuth, unlike: furtherDown},
	{name: "ladon", build: buildLadon},
}

func sizes() []int {
	if *full {
		return []int{1, 10, 100, 1_000, 10_000}
	}
	return []int{1, 10, 100, 1_000}
}

func TestAnswers(t *testing.T) {
	for _, s := range shapes {
		for _, c := range s.contenders() {
			for _, n := range []int{1, 2, 10, 100} {
				rules := s.rules(n)
				c.check(t, c.build(t, rules), rules)
			}
		}
	}
}

// BenchmarkDecision asks, of n rules, for a pull that the one in the middle
// allows, for a push that the last allows, and for a pull that none allows;
// each for eight repositories in turn, or for the only one that an exact rule
// knows.
func BenchmarkDecision(b *testing.B) {
	for _, s := range shapes {
		for _, n := range sizes() {
			for _, c := range s.contenders() {
				b.Run(fmt.Sprintf("shape=%s/rules=%d/peer=%s", s.name, n, c.name), func(b *testing.B) {
					rules := s.rules(n)
					d := c.build(b, rules)
					c.check(b, d, rules)
					for _, row := range []struct {
						name, action string
						team         int
						allowed      bool
					}{
						{"middle", pull, n / 2, true},
						{"last", push, n - 1, true},
						{"miss", pull, n, false},
					} {
						b.Run("case="+row.name, func(b *testing.B) {
							d.measure(b, repositories(s.rule(row.team)), row.action, row.allowed)
						})
					}
				})
			}
		}
	}
}

// BenchmarkBuild goes from the rules to the first decision by them, which is
// what a change of one rule costs where all is built anew.
func BenchmarkBuild(b *testing.B) {
	const n = 1_000
	for _, s := range shapes {
		for _, c := range s.contenders() {
			b.Run(fmt.Sprintf("shape=%s/rules=%d/peer=%s", s.name, n, c.name), func(b *testing.B) {
				rules := s.rules(n)
				repository := repositories(rules[n/2])[0]
				b.ReportAllocs()
				for b.Loop() {
					if !c.build(b, rules)(repository, pull) {
						b.Fatal(repository)
					}
				}
			})
		}
	}
}

// repositories returns eight names; those that the rule matches, all if it is
// a prefix.
func repositories(r rule) (names [8]string) {
	for i := range names {
		names[i] = r.path
		if r.prefix {
			names[i] += fmt.Sprintf("app-%d", i)
		}
	}
	return names
}

func (d decide) measure(b *testing.B, names [8]string, action string, allowed bool) {
	for _, name := range names { // fills caches
		d(name, action)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if name := names[i%len(names)]; d(name, action) != allowed {
			b.Fatal(name, action)
		}
	}
}
