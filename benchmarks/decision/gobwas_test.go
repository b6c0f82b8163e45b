package decision_test

import (
	"testing"

	"github.com/gobwas/glob" //nolint:depguard // here it is a contender
	"github.com/stretchr/testify/require"
)

// gobwas/glob in a plain loop, judged by its README at v1.1.0: patterns are
// compiled once, without separators, so that a star passes over slashes. It is
// what one writes first, and what our own index is confirmed by.

func buildGobwas(tb testing.TB, rules []rule) decide {
	globs := make([]*glob.Pattern, len(rules))
	for i, r := range rules {
		var err error
		globs[i], err = glob.Compile(r.pattern("*"))
		require.NoError(tb, err)
	}
	return func(repository, action string) bool {
		for i, g := range globs {
			if g.Match(repository) && (action == pull || rules[i].push) {
				return true
			}
		}
		return false
	}
}
