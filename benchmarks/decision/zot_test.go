package decision_test

import (
	"slices"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

// doublestar as the zot registry uses it, judged by AccessController.can in
// zot's pkg/api/authz.go and by "Identity-based Authorization" in its
// examples/README.md: a map from patterns to the policies of users, of which
// the longest pattern that matches decides; so all are tried, in the map's
// order, at each request. "team-7/**" is all below a team, and here also the
// name "team-7" itself, about which it is not asked. Only that function is done
// over. Before it, zot goes through all patterns twice more at each request
// (getContext), which is left out in its favour.

// A zotPolicy says what some users may do.
type zotPolicy struct {
	users, actions []string
}

func buildZot(_ testing.TB, rules []rule) decide {
	repositories := make(map[string][]zotPolicy, len(rules))
	for _, r := range rules {
		repositories[r.pattern("**")] = []zotPolicy{{users: []string{login}, actions: r.actions()}}
	}
	return func(repository, action string) bool {
		longest := ""
		for pattern := range repositories {
			matched, err := doublestar.Match(pattern, repository)
			if err == nil && matched && len(pattern) > len(longest) {
				longest = pattern
			}
		}
		return slices.ContainsFunc(repositories[longest], func(p zotPolicy) bool {
			return slices.Contains(p.users, login) && slices.Contains(p.actions, action)
		})
	}
}
