package decision_test

import (
	"testing"

	"github.com/armon/go-radix"
)

// go-radix as HashiCorp Vault walks its policies, judged by NewACL,
// AllowOperation and CheckAllowedFromNonExactPaths in Vault's vault/acl.go:
// one tree of exact paths, asked first, and one of prefixes, of which the
// longest decides; a bit for each operation. It is the nearest to ours, and
// knows no other pattern: Vault's rules with a "+" segment are tried in turn.
// What Vault does around the two look-ups (namespaces, parameters, the results
// that it allocates) is left out in its favour.

// Vault's operations, as bits of what a path allows.
const (
	vaultRead = 1 << iota
	vaultUpdate
)

func buildVault(_ testing.TB, rules []rule) decide {
	exact, prefixes := radix.New(), radix.New()
	for _, r := range rules {
		capabilities := uint32(vaultRead)
		if r.push {
			capabilities |= vaultUpdate
		}
		if r.prefix {
			prefixes.Insert(r.path, capabilities)
		} else {
			exact.Insert(r.path, capabilities)
		}
	}
	return func(repository, action string) bool {
		operation := uint32(vaultRead)
		if action == push {
			operation = vaultUpdate
		}
		found, ok := exact.Get(repository)
		if !ok {
			_, found, ok = prefixes.LongestPrefix(repository)
		}
		return ok && found.(uint32)&operation != 0
	}
}
