package revocation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// A mutant is the library with one mistake in it: a piece of a source file,
// which must be there exactly once, replaced by another.
type mutant struct {
	name       string
	file       string // in the root package
	old, wrong string
}

// mutants are the mistakes that were once made, and break the promise.
var mutants = []mutant{
	{
		"fill without poisoning", "cache.go",
		`if t.IsNone() || f.poisoned || f.changed[uuid.UUID(t.ID())] > store.Rev(t.Rev()) {`,
		`if t.IsNone() {`,
	},
	{
		"freshness stamped after the answer", "live.go",
		"			l.asOf.Store(&asked)\n",
		"			asked = time.Now()\n			l.asOf.Store(&asked)\n",
	},
	{
		"push feed trusted", "live.go",
		"	case <-poll.C:\n",
		"	case <-poll.C:\n		now := time.Now()\n		l.asOf.Store(&now)\n		l.pause(ctx, hint)\n",
	},
}

// mostCampaigns is how many campaigns may be needed to find a mistake: what the
// faults meet is chance, above all on a machine with other work.
const mostCampaigns = 3

// build builds the front-end with the mistake.
func (m mutant) build(tb testing.TB) string {
	original, err := filepath.Abs(filepath.Join("..", "..", m.file))
	require.NoError(tb, err)
	source, err := os.ReadFile(original)
	require.NoError(tb, err)
	require.Equal(tb, 1, strings.Count(string(source), m.old), "%s has changed: write the mutant %q anew", m.file, m.name)
	mutated := filepath.Join(tb.TempDir(), m.file)
	require.NoError(tb, os.WriteFile(mutated, []byte(strings.Replace(string(source), m.old, m.wrong, 1)), 0o600))
	return frontend.Build(tb, map[string]string{original: mutated})
}

// TestRevocationFindsMutants: the same campaigns count logins that are too late
// where the library has a mistake.
func TestRevocationFindsMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			binary := m.build(t)
			for _, one := range backends {
				switch {
				case one.name == "sqlite":
					continue // without a network these mistakes hardly show
				case one.name == "etcd" && !*full:
					continue // it takes longer to find them there
				}
				t.Run(one.name, func(t *testing.T) {
					c, late := newCampaign(binary), 0
					if !*full {
						c.untilLate, c.revocations = true, 10*c.revocations
					}
					for range mostCampaigns {
						if late = total(c.run(t, one.start(t))).late; late > 0 {
							break
						}
						c.seed++
					}
					require.Positive(t, late, "the mutant was not found; seed %d", *seed)
				})
			}
		})
	}
}
