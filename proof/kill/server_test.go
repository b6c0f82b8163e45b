package kill_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

const (
	// callTimeout is how long a caller waits. Then the Manager looks for a
	// write that is in doubt for five seconds more.
	callTimeout = 3 * time.Second

	// longOutage is longer than both.
	longOutage = 9 * time.Second
)

// An outage kills servers, and returns how to start them again.
type outage func(t *testing.T, random *rand.Rand) (restart func())

func killPostgres(t *testing.T, _ *rand.Rand) func() {
	server := theServer(t)
	server.Kill(t)
	return func() { server.Start(t) }
}

// killNodes kills one, two or all three of the nodes.
func killNodes(t *testing.T, random *rand.Rand) func() {
	nodes := theNodes(t)
	killed := random.Perm(3)[:1+random.IntN(3)]
	for _, i := range killed {
		nodes.Kill(t, i)
	}
	return func() {
		for _, i := range killed {
			nodes.Start(t, i)
		}
	}
}

// TestKillServer kills the servers under a process of several writers, which
// lives on, and looks at what became of the calls.
func TestKillServer(t *testing.T) {
	outages := map[string]outage{"postgres": killPostgres, "etcd": killNodes}
	onEachServer(t, func(t *testing.T, p place) {
		random := newRandom(t)
		total := map[frontend.Outcome]int{}
		for range rounds(20) {
			ledger := surviveOutages(t, p, outages[p.name], random)
			for outcome, n := range ledger.takeTotals() {
				total[outcome] += n
			}
		}
		t.Logf("calls by outcome: %v", total)
		require.NotZero(t, total[""])
		if isFull() {
			require.NotZero(t, total[frontend.Unavailable])
			require.NotZero(t, total[frontend.Unknown])
		}
	})
}

// surviveOutages lets a process write through several outages, the last of them
// a long one in the full form.
func surviveOutages(t *testing.T, p place, outage outage, random *rand.Rand) *ledger {
	const shortOnes = 3
	name := p.fresh(t)
	before := p.look(t, name)
	process := startWriting(t, frontend.Config{Target: name, Timeout: callTimeout}, random)
	for i := range shortOnes + 1 {
		process.awaitProgress(t, 20)
		restart := outage(t, random)
		switch {
		case i < shortOnes:
			time.Sleep(upTo(random, 500*time.Millisecond))
		case isFull():
			time.Sleep(longOutage)
		}
		restart()
	}
	process.awaitProgress(t, 20)
	close(process.stop)
	process.writing.Wait()
	require.NoError(t, process.Exit())
	p.verify(t, name, process.ledger, before)
	return process.ledger
}

// awaitProgress returns when so many more calls have been acknowledged.
func (w *writers) awaitProgress(t *testing.T, n int64) {
	t.Helper()
	goal := w.acknowledged.Load() + n
	require.Eventually(t, func() bool { return w.acknowledged.Load() >= goal }, 2*time.Minute, time.Millisecond)
}
