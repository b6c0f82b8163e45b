package decision_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/stretchr/testify/require"
)

// cedar-go, judged by its README at v1.9.0 and by "Best practice: When
// possible, populate the policy scope" of docs.cedarpolicy.com; in two forms.
//
// "Scope" is what that page recommends: each rule is a policy of its own with
// principal, action and resource in its scope and no "when"; a prefix is a
// namespace that repositories are in. "Like" matches the name, which is an
// attribute, with a pattern, as is natural for paths. In both, pull and push
// together are an action group: a list of two actions in each policy took
// twice as long and allocated for every policy.
//
// Which entities there are is for the host to know. Here each is made when it
// is first asked for and then kept, so none is made while time is taken.
// Authorize always evaluates every policy, to report all that permit.

func buildCedarScope(tb testing.TB, rules []rule) decide {
	return buildCedar(tb, rules, func(r rule) string {
		return fmt.Sprintf("resource in Namespace::%q);", strings.TrimSuffix(r.path, "/"))
	})
}

func buildCedarLike(tb testing.TB, rules []rule) decide {
	return buildCedar(tb, rules, func(r rule) string {
		return fmt.Sprintf("resource) when { resource.name like %q };", r.pattern("*"))
	})
}

// buildCedar makes a policy of each rule; below is how one ends that is for
// all names below a prefix.
func buildCedar(tb testing.TB, rules []rule, below func(rule) string) decide {
	policies := cedar.NewPolicySet()
	for i, r := range rules {
		action, resource := `== Action::"pull"`, fmt.Sprintf("resource == Repository::%q);", r.path)
		if r.push {
			action = `in Action::"write"`
		}
		if r.prefix {
			resource = below(r)
		}
		var p cedar.Policy
		require.NoError(tb, p.UnmarshalCedar(fmt.Appendf(nil, "permit (principal == Token::%q, action %s, %s", login, action, resource)))
		policies.Add(cedar.PolicyID(fmt.Sprint(i)), &p)
	}
	principal, group := cedar.NewEntityUID("Token", login), cedar.NewEntityUID("Action", "write")
	actions := map[string]cedar.EntityUID{}
	entities := cedarEntities{principal: {UID: principal}, group: {UID: group}}
	for _, name := range []string{pull, push} {
		uid := cedar.NewEntityUID("Action", cedar.String(name))
		actions[name], entities[uid] = uid, types.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(group)}
	}
	return func(repository, action string) bool {
		decision, _ := cedar.Authorize(policies, entities, cedar.Request{
			Principal: principal,
			Action:    actions[action],
			Resource:  cedar.NewEntityUID("Repository", cedar.String(repository)),
		})
		return decision == cedar.Allow
	}
}

// cedarEntities are those asked for so far, each repository and namespace in
// the namespace above it.
type cedarEntities map[types.EntityUID]types.Entity

func (known cedarEntities) Get(uid types.EntityUID) (types.Entity, bool) {
	if e, ok := known[uid]; ok {
		return e, true
	}
	e := types.Entity{UID: uid, Attributes: cedar.NewRecord(cedar.RecordMap{"name": uid.ID})}
	if slash := strings.LastIndexByte(string(uid.ID), '/'); slash >= 0 {
		e.Parents = cedar.NewEntityUIDSet(cedar.NewEntityUID("Namespace", uid.ID[:slash]))
	}
	known[uid] = e
	return e, true
}
