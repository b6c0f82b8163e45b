package revocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// shortBound lets many revocations fit into a short time.
const shortBound = 300 * time.Millisecond

func newCampaign(binary string) campaign {
	const administrators = 16
	const tokens = administrators * tokensEach
	fast := frontend.Swing{Workers: 32, Pause: 4 * time.Millisecond}
	return campaign{
		binary: binary,
		frontends: []load{
			{2 * tokens, fast},
			{tokens / 2, fast}, // reads the store all the time
			{2 * tokens, frontend.Swing{Workers: 6, Pause: 25 * time.Millisecond}}, // what is kept is not replaced soon
		},
		administrators: administrators,
		revocations:    *revocations,
		bound:          *bound,
		seed:           *seed,
	}
}

// TestRevocation: no call that starts later than the bound after a revocation
// was acknowledged is admitted, whatever happens to the network, the store and
// the processes; and no credential that is good is refused.
func TestRevocation(t *testing.T) {
	binary := frontend.Build(t, nil)
	for _, one := range backends {
		t.Run(one.name, func(t *testing.T) {
			all := total(newCampaign(binary).run(t, one.start(t)))
			require.Zero(t, all.late, "logins admitted after the bound; seed %d", *seed)
			require.Zero(t, all.wrongful, "good credentials refused; seed %d", *seed)
			require.Zero(t, all.counts.Other)
			require.Positive(t, all.stale, "no login met what was out of date")
			require.Positive(t, all.figures.Hits)
			require.Positive(t, all.figures.Resets)
		})
	}
}
