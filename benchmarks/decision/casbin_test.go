package decision_test

import (
	"strings"
	"testing"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	"github.com/stretchr/testify/require"
)

// casbin v3, judged by its README and examples/keymatch_model.conf at v3.10.0,
// and by casbin.org/docs/function and /docs/performance. The model for paths
// is that example, word for word: keyMatch for the path, a regular expression
// for the actions, which is looked at only where the path matched. Where all
// rules are exact names, equality takes the place of keyMatch. The subject is
// compared first, as there; all rules are the login's own, which is what the
// advice to load only the relevant ones comes to.
//
// CachedEnforcer keeps each answer under the text of its question. It is timed
// with all answers in its cache, since the table asks for few: what it costs
// without is what the plain one costs, and a change of policy by AddPolicy
// leaves a denial in the cache that it should have changed.

const casbinModel = `
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.sub == p.sub && MATCH && regexMatch(r.act, p.act)
`

// newCasbin makes an enforcer of either kind from a model and no adapter, and
// gives it the rules.
func newCasbin[E interface {
	AddPolicies([][]string) (bool, error)
}](tb testing.TB, newEnforcer func(...any) (E, error), rules []rule) E {
	match := "r.obj == p.obj"
	if rules[0].prefix {
		match = "keyMatch(r.obj, p.obj)"
	}
	m, err := model.NewModelFromString(strings.Replace(casbinModel, "MATCH", match, 1))
	require.NoError(tb, err)
	enforcer, err := newEnforcer(m)
	require.NoError(tb, err)
	policies := make([][]string, len(rules))
	for i, r := range rules {
		policies[i] = []string{login, r.pattern("*"), "^(" + strings.Join(r.actions(), "|") + ")$"}
	}
	added, err := enforcer.AddPolicies(policies)
	require.NoError(tb, err)
	require.True(tb, added)
	return enforcer
}

func buildCasbin(tb testing.TB, rules []rule) decide {
	return enforce(newCasbin(tb, casbin.NewEnforcer, rules).Enforce)
}

func buildCasbinCached(tb testing.TB, rules []rule) decide {
	return enforce(newCasbin(tb, casbin.NewCachedEnforcer, rules).Enforce)
}

func enforce(f func(...any) (bool, error)) decide {
	return func(repository, action string) bool {
		allowed, err := f(login, repository, action)
		return err == nil && allowed
	}
}
