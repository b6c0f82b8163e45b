package decision_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	lru "github.com/hashicorp/golang-lru"
	"github.com/stretchr/testify/require"
)

// ory/ladon, as an approximation: its module cannot be had from the Go module
// proxy. Judged by ladon.go, matcher_regexp.go, manager/memory and the README
// of ory/ladon: IsAllowed takes all policies of the memory manager, copied out
// of a map under a lock, and matches action, subject and resource of each, to
// the last, since any of them might deny. Text in angle brackets is a regular
// expression; the compiled ones are kept in the same LRU cache. That is 512
// large by default, which would make each decision on 1,000 rules compile all
// of them anew; here it holds them all, as a careful user would set it.
// Conditions, metrics and the audit log are left out in its favour.

// A ladonPolicy allows its subjects its actions on its resources.
type ladonPolicy struct {
	subjects, actions, resources []string
}

// A ladonWarden decides by the policies that it holds.
type ladonWarden struct {
	mu       sync.RWMutex
	policies map[string]*ladonPolicy
	compiled *lru.Cache
}

func buildLadon(tb testing.TB, rules []rule) decide {
	compiled, err := lru.New(max(512, 2*len(rules)))
	require.NoError(tb, err)
	w := &ladonWarden{policies: make(map[string]*ladonPolicy, len(rules)), compiled: compiled}
	for i, r := range rules {
		w.policies[fmt.Sprint(i)] = &ladonPolicy{
			subjects:  []string{login},
			actions:   r.actions(),
			resources: []string{r.pattern("<.*>")},
		}
	}
	return func(repository, action string) bool { return w.isAllowed(login, action, repository) }
}

func (w *ladonWarden) isAllowed(subject, action, resource string) bool {
	allowed := false
	for _, p := range w.candidates() {
		if w.matches(p.actions, action) && w.matches(p.subjects, subject) && w.matches(p.resources, resource) {
			allowed = true
		}
	}
	return allowed
}

func (w *ladonWarden) candidates() []*ladonPolicy {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.AppendSeq(make([]*ladonPolicy, 0, len(w.policies)), maps.Values(w.policies))
}

func (w *ladonWarden) matches(patterns []string, text string) bool {
	for _, p := range patterns {
		if !strings.Contains(p, "<") {
			if p == text {
				return true
			}
			continue
		}
		expression, ok := w.compiled.Get(p)
		if !ok {
			prefix, rest, _ := strings.Cut(p, "<")
			expression = regexp.MustCompile("^" + regexp.QuoteMeta(prefix) + "(" + strings.TrimSuffix(rest, ">") + ")$")
			w.compiled.Add(p, expression)
		}
		if expression.(*regexp.Regexp).MatchString(text) {
			return true
		}
	}
	return false
}
