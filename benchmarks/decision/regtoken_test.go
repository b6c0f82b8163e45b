package decision_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

// Ours is Grant.Authorize on a token with a scope for each rule, as a frontend
// calls it after a login. Besides matching, it checks the name against the
// grammar of repository names, and the token's end. The others do neither.

var ourActions = map[string]regtoken.Action{pull: regtoken.Pull, push: regtoken.Push}

func buildRegtoken(tb testing.TB, rules []rule) decide {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(tb, err)
	scopes := make([]regtoken.Scope, len(rules))
	for i, r := range rules {
		actions := regtoken.Pull
		if r.push {
			actions |= regtoken.Push
		}
		scopes[i] = regtoken.RepositoryScope(r.pattern("*"), actions)
	}
	_, credential, err := m.CreateToken(tb.Context(), regtoken.TokenSpec{Name: "token-of-" + login, Scopes: scopes})
	require.NoError(tb, err)
	grant, err := m.Authenticate(tb.Context(), credential.Login())
	require.NoError(tb, err)
	return func(repository, action string) bool {
		return grant.Authorize(repository, ourActions[action]) == nil
	}
}
