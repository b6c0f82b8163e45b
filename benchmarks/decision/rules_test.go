package decision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// login is whose rules they are.
const login = "ci"

const (
	pull = "pull"
	push = "push"
)

// A rule lets the login pull from the repository path, and push to it if push
// is set; with prefix, from all repositories whose name begins with path.
type rule struct {
	path   string
	prefix bool
	push   bool
}

// pattern returns the rule's path in a notation in which star stands for all
// that may follow a prefix.
func (r rule) pattern(star string) string {
	if r.prefix {
		return r.path + star
	}
	return r.path
}

func (r rule) actions() []string {
	if r.push {
		return []string{pull, push}
	}
	return []string{pull}
}

// allows is what every contender's answer is compared with.
func (r rule) allows(repository, action string) bool {
	matches := r.path == repository || r.prefix && strings.HasPrefix(repository, r.path)
	return matches && (action == pull || r.push)
}

// A shape is a form of rule.
type shape struct {
	name string
	rule func(team int) rule
}

var shapes = []shape{
	{"prefix", func(team int) rule {
		return rule{path: fmt.Sprintf("team-%d/", team), prefix: true, push: pushes(team)}
	}},
	{"exact", func(team int) rule {
		return rule{path: fmt.Sprintf("team-%d/app", team), push: pushes(team)}
	}},
}

// pushes says which rules give more than pull: the first of all, the last of
// 1, 10, 100 and so on, and not the one in the middle of them.
func pushes(team int) bool { return team%3 == 0 }

func (s shape) rules(n int) []rule {
	rules := make([]rule, n)
	for team := range rules {
		rules[team] = s.rule(team)
	}
	return rules
}

// A decide answers whether the login may do the action on the repository.
type decide func(repository, action string) bool

// A contender is a way to decide.
type contender struct {
	name  string
	build func(testing.TB, []rule) decide

	// unlike names a form of name that its prefix patterns treat otherwise
	// than ours, so that it is not asked about it.
	unlike string

	// patternsOnly: for exact names it is the same as the contender before it.
	patternsOnly bool
}

// contenders returns those that are asked about rules of the shape.
func (s shape) contenders() []contender {
	return slices.DeleteFunc(slices.Clone(contenders), func(c contender) bool {
		return c.patternsOnly && !s.rule(0).prefix
	})
}

// A question is one of a benchmark's, with its answer.
type question struct {
	repository, action string
	allowed            bool
}

// Forms of names that not all patterns agree on.
const (
	teamAlone   = "team-%d"
	furtherDown = "team-%d/app/web"
)

// questions returns what is asked to see that a contender is right about n
// rules: names on which rules match and do not quite match, at both ends and
// in the middle of the list.
func (c contender) questions(rules []rule) []question {
	n := len(rules)
	var names []string
	for _, team := range []int{0, n / 2, n - 1, n} {
		for _, form := range []string{
			teamAlone, "team-%d/app", "team-%d/app2", furtherDown, "team-%d-evil/app", "team-%dx/app", "x/team-%d/app",
		} {
			if form != c.unlike {
				names = append(names, fmt.Sprintf(form, team))
			}
		}
	}
	names = append(names, "nobody/app", "team")
	var asked []question
	for _, name := range names {
		for _, action := range []string{pull, push} {
			q := question{repository: name, action: action}
			for _, r := range rules {
				q.allowed = q.allowed || r.allows(name, action)
			}
			asked = append(asked, q)
		}
	}
	return asked
}

// check fails if a contender answers any of its questions wrongly.
func (c contender) check(tb testing.TB, d decide, rules []rule) {
	tb.Helper()
	for _, q := range c.questions(rules) {
		require.Equalf(tb, q.allowed, d(q.repository, q.action), "%s, %d rules: %+v", c.name, len(rules), q)
	}
}
