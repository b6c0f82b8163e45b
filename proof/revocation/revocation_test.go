package revocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// shortBound lets many revocations fit into a short time, on a machine that has
// other things to do as well.
const shortBound = 500 * time.Millisecond

// newCampaign returns the campaign that the flags ask for.
func newCampaign(binary string) campaign {
	const all = 16 * tokensEach * fatWeight // of the tokens there are at once, and more
	often := frontend.Swing{Workers: 32, Pause: 4 * time.Millisecond}
	seldom := frontend.Swing{Workers: 3, Pause: 25 * time.Millisecond, Drop: true}
	return campaign{
		binary: binary,
		frontends: []load{
			{cacheSize: all, hammer: often, patience: 1},
			{cacheSize: all / 8, hammer: often, patience: 1}, // reads the store all the time
			// A read that is overtaken matters if there is no other soon.
			{cacheSize: all, hammer: seldom, patience: 4, overtaken: true},
			{cacheSize: all, hammer: seldom, patience: 4, overtaken: true},
		},
		revocations: *revocations,
		bound:       *bound,
		seed:        *seed,
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
		})
	}
}
