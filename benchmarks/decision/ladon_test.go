package decision_test

import (
	"fmt"
	"testing"

	"github.com/ory/ladon"
	"github.com/ory/ladon/manager/memory"
	"github.com/stretchr/testify/require"
)

// ory/ladon, judged by its README ("Policies", "Access Control (Warden)",
// "Limitations") and benchmark_warden_test.go at v1.3.0: the manager in memory,
// which it calls the fastest, and a policy for each rule. regexp2 is newer than
// the version that it names, which made it a little faster. Text in angle
// brackets is a regular expression, all else in the resource is literal; exact
// names have none, and are compared.
//
// IsAllowed takes all policies out of the manager and tries each, to the last,
// since any of them might deny. The compiled expressions are kept in an LRU
// cache of 512, which would make each decision on 1,000 rules compile all of
// them anew. Its own benchmark enlarges the cache; here it holds every rule's.
//
// No audit log and no metrics are set. Even so, a denial makes an error with a
// stack trace and starts a goroutine for the metric that does nothing.

func buildLadon(tb testing.TB, rules []rule) decide {
	ctx := tb.Context()
	warden := &ladon.Ladon{
		Manager: memory.NewMemoryManager(),
		Matcher: ladon.NewRegexpMatcher(max(512, len(rules))),
	}
	for i, r := range rules {
		require.NoError(tb, warden.Manager.Create(ctx, &ladon.DefaultPolicy{
			ID:        fmt.Sprint(i),
			Subjects:  []string{login},
			Resources: []string{r.pattern("<.*>")},
			Actions:   r.actions(),
			Effect:    ladon.AllowAccess,
		}))
	}
	return func(repository, action string) bool {
		return warden.IsAllowed(ctx, &ladon.Request{Subject: login, Action: action, Resource: repository}) == nil
	}
}
