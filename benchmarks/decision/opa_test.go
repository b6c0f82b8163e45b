package decision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/stretchr/testify/require"
)

// OPA as a library, judged by docs/docs/integration.md and
// docs/docs/policy-performance.md in its module at v1.22.2: one prepared
// query, and the input as a map. It is here in two forms.
//
// "Indexed": each rule is a rule of the policy, written so that OPA's index
// finds it ("Equality statements", "Prefix and suffix statements"). That is
// the fast way that its documentation recommends. The policy is compiled anew
// for each change of a rule, and for 10,000 rules this takes seconds.
//
// "Data": the policy is fixed and the rules are data in memory, where they can
// be changed one by one; kept as OPA's own values, so that none is converted at
// each evaluation. Exact names are looked up in an object ("Use objects over
// arrays"), prefixes are a list by action for strings.any_prefix_match. That is
// its fastest way for them; patterns with a star elsewhere would have to be
// tried in turn by glob.match, which took over thirty times as long when it was
// tried here.

func prepare(tb testing.TB, options ...func(*rego.Rego)) decide {
	query, err := rego.New(append(options, rego.Query("data.registry.allow"))...).PrepareForEval(tb.Context())
	require.NoError(tb, err)
	return func(repository, action string) bool {
		results, err := query.Eval(tb.Context(), rego.EvalInput(map[string]any{
			"login": login, "repository": repository, "action": action,
		}))
		return err == nil && results.Allowed()
	}
}

func buildOPAIndexed(tb testing.TB, rules []rule) decide {
	var policy strings.Builder
	policy.WriteString("package registry\n")
	for _, r := range rules {
		match := fmt.Sprintf("input.repository == %q", r.path)
		if r.prefix {
			match = fmt.Sprintf("startswith(input.repository, %q)", r.path)
		}
		fmt.Fprintf(&policy, "allow if {\n\tinput.login == %q\n\t%s\n\tinput.action in {\"%s\"}\n}\n", login, match, strings.Join(r.actions(), `", "`))
	}
	return prepare(tb, rego.Module("registry.rego", policy.String()))
}

const opaPrefixes = `package registry
allow if strings.any_prefix_match(input.repository, data.rules[input.login][input.action])
`

const opaNames = `package registry
allow if data.rules[input.login][input.action][input.repository]
`

func buildOPAData(tb testing.TB, rules []rule) decide {
	policy, byAction := opaNames, map[string]any{}
	if rules[0].prefix {
		policy = opaPrefixes
	}
	for _, action := range []string{pull, push} {
		prefixes, names := []any{}, map[string]any{}
		for _, r := range rules {
			if slices.Contains(r.actions(), action) {
				prefixes, names[r.path] = append(prefixes, r.path), true
			}
		}
		byAction[action] = names
		if rules[0].prefix {
			byAction[action] = prefixes
		}
	}
	data := map[string]any{"rules": map[string]any{login: byAction}}
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	return prepare(tb, rego.Module("registry.rego", policy), rego.Store(store))
}
