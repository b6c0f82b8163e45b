package history_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// staleness is the bound where what Managers keep in memory is allowed to be
// old: short, so that histories are much longer.
const staleness = 100 * time.Millisecond

// callTimeout is how long a call may take where the network fails.
const callTimeout = 500 * time.Millisecond

var (
	idle     = frontend.Config{Idle: true}
	followed = frontend.Config{MaxStaleness: staleness, PollInterval: staleness / 5}
	cut      = frontend.Config{Idle: true, Timeout: callTimeout, StoreTimeout: callTimeout}
)

func TestMemstore(t *testing.T) {
	b := inMemory(t)
	t.Run("port", func(t *testing.T) { playPort(t, b.sides(t, idle), nil) })
	t.Run("manager", func(t *testing.T) { playManager(t, b.sides(t, idle), managerKind{}) })
	t.Run("followed", func(t *testing.T) { playManager(t, b.sides(t, followed), managerKind{staleness: staleness}) })
}

// TestDurable is about stores that outlive their processes.
func TestDurable(t *testing.T) {
	program := frontend.Build(t, nil)
	for _, kind := range []struct {
		name  string
		start func(testing.TB, string) backend
	}{
		{"sqlitestore", onSQLite},
		{"pgstore", onPostgres},
		{"etcdstore", onEtcd},
	} {
		t.Run(kind.name, func(t *testing.T) {
			b := kind.start(t, program)
			t.Run("port", func(t *testing.T) { playPort(t, b.sides(t, idle), nil) })
			t.Run("manager", func(t *testing.T) { playManager(t, b.sides(t, idle), managerKind{}) })
			t.Run("followed", func(t *testing.T) { playManager(t, b.sides(t, followed), managerKind{staleness: staleness}) })
			t.Run("killed-port", func(t *testing.T) {
				sides := b.sides(t, idle)
				playPort(t, sides, killOne(sides))
			})
			t.Run("killed-manager", func(t *testing.T) {
				sides := b.sides(t, idle)
				playManager(t, sides, managerKind{disturb: killOne(sides)})
			})
			if len(b.routes) == 0 {
				return
			}
			t.Run("cut-port", func(t *testing.T) { playPort(t, b.sides(t, cut), cutOne(b.routes)) })
			t.Run("cut-manager", func(t *testing.T) {
				playManager(t, b.sides(t, cut), managerKind{disturb: cutOne(b.routes), lossy: true})
			})
		})
	}
}

// playPort plays histories of the port.
func playPort(t *testing.T, sides []side, disturb disturbance) {
	total := repeat(t, func(seed uint64) (*history, error) {
		p := newPortPlay(kindOf(t), seed)
		return p.history, p.play(t, sides, *calls, disturb, newReporter(t))
	})
	requireVaried(t, total, disturb, []string{put, del, get, getByName}, frontend.NotFound, frontend.NameTaken, frontend.Conflict)
}

// A managerKind is a kind of histories of Managers.
type managerKind struct {
	staleness time.Duration // of what is kept in memory; zero: nothing is
	disturb   disturbance   // nil: none
	lossy     bool          // as in managerPlay
}

// playManager plays histories of Managers.
func playManager(t *testing.T, sides []side, kind managerKind) {
	total := repeat(t, func(seed uint64) (*history, error) {
		p := newManagerPlay(kindOf(t), seed, kind.lossy)
		return p.history, p.play(t, sides, *calls, kind, newReporter(t))
	})
	requireVaried(t, total, kind.disturb, managerChoices, frontend.NotFound, frontend.NameTaken, frontend.Unauthenticated)
	if kind.staleness > 0 {
		requireHits(t, sides)
	}
}

// requireVaried sees that all methods succeeded at some time, and that there were
// all these refusals; where histories were disturbed, that calls noticed.
func requireVaried(t *testing.T, total tally, disturb disturbance, methods []string, refusals ...frontend.Outcome) {
	if disturb != nil {
		require.NotZero(t, total.of(frontend.Unknown)+total.of(frontend.Unavailable), "nothing was disturbed")
		return
	}
	for _, method := range methods {
		require.NotZero(t, total[method]["ok"], "%s never succeeded", method)
	}
	for _, outcome := range refusals {
		require.NotZero(t, total.of(outcome), "%s never happened", outcome)
	}
}

// requireHits sees that logins did go by what was kept in memory.
func requireHits(t *testing.T, sides []side) {
	var hits uint64
	for i, at := range sides {
		reply, err := at.manage(figures, frontend.Call{})
		require.NoError(t, err)
		t.Logf("process %d: %d logins by what it keeps, %d by the store", i, reply.Stats.Hits, reply.Stats.Misses)
		hits += reply.Stats.Hits
	}
	require.NotZero(t, hits)
}

// repeat plays as many histories as are asked for, and returns what happened in
// all of them.
func repeat(t *testing.T, play func(seed uint64) (*history, error)) tally {
	total := make(tally)
	for i := range *histories {
		seed := *seed + uint64(i)
		h, err := play(seed)
		if err != nil {
			t.Fatalf("%v\nagain, as far as chance allows: -run '^%s$' -histories=1 -ops=%d -seed=%d", err, t.Name(), *calls, seed)
		}
		total.addAll(h.tally)
		if done := i + 1; done%10 == 0 && done < *histories {
			t.Logf("%d of %d histories", done, *histories)
		}
	}
	t.Logf("%d histories from seed %d: %v", *histories, *seed, total)
	return total
}

// kindOf names the histories of a test, in the way of token names.
func kindOf(t *testing.T) string {
	parts := strings.Split(t.Name(), "/")
	return parts[len(parts)-1]
}

// newReporter returns one that draws into the test's artifacts, if those are
// kept, or else to where it stays.
func newReporter(t *testing.T) reporter {
	if kept := flag.Lookup("test.artifacts"); kept != nil && kept.Value.String() == "true" {
		return reporter{t.ArtifactDir()}
	}
	return reporter{os.TempDir()}
}
