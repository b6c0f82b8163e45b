package decision_test

import (
	"fmt"
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
// for each change of a rule, and for 10,000 rules this takes seconds; it is not
// part of what is timed.
//
// "Data": the policy is fixed and the rules are data in memory, where
// they can be changed one by one. Exact names are looked up in an object ("Use
// objects over arrays"); patterns can only be tried in turn, by glob.match
// with no delimiter, so that a star passes over slashes as ours does.

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
		fmt.Fprintf(&policy, "allow if {\n\tinput.login == %q\n\t%s\n\tinput.action in {%s}\n}\n", login, match, quoted(r.actions()))
	}
	return prepare(tb, rego.Module("registry.rego", policy.String()))
}

func quoted(words []string) string { return `"` + strings.Join(words, `", "`) + `"` }

const opaPatterns = `package registry
allow if {
	some rule in data.rules[input.login]
	glob.match(rule.pattern, null, input.repository)
	input.action in rule.actions
}`

const opaNames = `package registry
allow if input.action in data.rules[input.login][input.repository].actions
`

func buildOPAData(tb testing.TB, rules []rule) decide {
	if rules[0].prefix {
		list := make([]any, len(rules))
		for i, r := range rules {
			list[i] = map[string]any{"pattern": r.pattern("*"), "actions": anys(r.actions())}
		}
		return prepareData(tb, opaPatterns, list)
	}
	byName := make(map[string]any, len(rules))
	for _, r := range rules {
		byName[r.path] = map[string]any{"actions": anys(r.actions())}
	}
	return prepareData(tb, opaNames, byName)
}

func prepareData(tb testing.TB, policy string, rules any) decide {
	// As OPA's own values: read-only, and not converted at each evaluation.
	store := inmem.NewFromObjectWithOpts(map[string]any{"rules": map[string]any{login: rules}}, inmem.OptReturnASTValuesOnRead(true))
	return prepare(tb, rego.Module("registry.rego", policy), rego.Store(store))
}

func anys(words []string) []any {
	values := make([]any, len(words))
	for i, w := range words {
		values[i] = w
	}
	return values
}
