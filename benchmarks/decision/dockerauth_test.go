package decision_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docker_auth's static ACL, as an approximation: its module cannot be had from
// the Go module proxy. Judged by auth_server/authz/acl.go and
// examples/reference.yml of cesanta/docker_auth: an ordered list of entries of
// which the first that matches decides. For each entry the variables of the
// request are quoted, a strings.Replacer puts them into the patterns for
// account and name, and path.Match matches these, as there; types, addresses
// and logging are left out in its favour. A star ends at a slash (another way
// there, a regular expression, would be compiled at each match), so no names
// further down are asked for.

// A dockerAuthEntry says what is allowed where both patterns match.
type dockerAuthEntry struct {
	account, name string
	actions       []string
}

func buildDockerAuth(_ testing.TB, rules []rule) decide {
	acl := make([]dockerAuthEntry, len(rules))
	for i, r := range rules {
		acl[i] = dockerAuthEntry{account: login, name: r.pattern("*"), actions: r.actions()}
	}
	return func(repository, action string) bool {
		for _, e := range acl {
			if e.matches(login, repository) {
				return slices.Contains(e.actions, action)
			}
		}
		return false
	}
}

func (e dockerAuthEntry) matches(account, name string) bool {
	variables := []string{
		"${account}", regexp.QuoteMeta(account),
		"${type}", regexp.QuoteMeta("repository"),
		"${name}", regexp.QuoteMeta(name),
		"${email}", regexp.QuoteMeta(""),
		"${service}", regexp.QuoteMeta("registry"),
		"${team}", "",
	}
	return dockerAuthMatch(e.account, account, variables) && dockerAuthMatch(e.name, name, variables)
}

func dockerAuthMatch(pattern, text string, variables []string) bool {
	matched, err := path.Match(strings.NewReplacer(variables...).Replace(pattern), text)
	return err == nil && matched
}
