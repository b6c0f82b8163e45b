package kill_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// generation is how many kills the same data go through.
const generation = 10

// TestKillWriter kills the process of several writers, and looks at what it
// leaves, again and again.
func TestKillWriter(t *testing.T) {
	onEach(t, func(t *testing.T, p place) {
		killing := killing{place: p, random: newRandom(t)}
		for i := range *kills {
			if i%generation == 0 {
				t.Logf("after %d kills: %d calls were acknowledged, %d cut off", i, killing.acknowledged, killing.cutOff)
				killing.begin(t)
			}
			killing.round(t)
			killing.cutOff += killing.ledger.takeTotals()[killed]
		}
		t.Logf("after %d kills: %d calls were acknowledged, %d cut off", *kills, killing.acknowledged, killing.cutOff)
		require.NotZero(t, killing.acknowledged)
		if isFull() {
			require.NotZero(t, killing.cutOff)
		}
	})
}

// killing is what has come of the data so far.
type killing struct {
	place
	random *rand.Rand

	target  string
	ledger  *ledger
	picture *picture // nil: the store was never opened

	acknowledged int64
	cutOff       int
}

// begin begins with new data.
func (k *killing) begin(t *testing.T) {
	k.target, k.ledger, k.picture = k.fresh(t), newLedger(), nil
}

// round lets a process write, kills it, and looks. In the first round it may
// not even have made the schema.
func (k *killing) round(t *testing.T) {
	process := startFrontEnd(t, frontend.Config{Target: k.target, Idle: k.random.IntN(2) == 0})
	kill := func() { _ = process.Signal(syscall.SIGKILL) }
	w := &writers{ledger: k.ledger, goroutines: 4, names: 4, noticed: kill}
	after := time.Hour
	switch {
	case k.picture == nil:
		after = upTo(k.random, 200*time.Millisecond)
	case k.random.IntN(2) == 0:
		after = upTo(k.random, 300*time.Millisecond)
	default:
		w.notice = 1 + k.random.Int64N(100)
	}
	defer time.AfterFunc(after, kill).Stop()
	w.run(process, k.random.Uint64())
	require.ErrorContains(t, process.Exit(), "killed", "it must not have ended by itself")
	k.picture = k.verify(t, k.target, k.ledger, k.picture)
	k.acknowledged += w.acknowledged.Load()
}
