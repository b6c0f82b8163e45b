package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/proof/internal/frontend"
)

const (
	// maxStaleness is the default of regtoken.Options.
	maxStaleness = 2 * time.Second

	// patience is how long anything may take that must come.
	patience = 2 * time.Minute

	// resolution is the time between a front-end's logins by which it is seen
	// when it learns of a revocation.
	resolution = 5 * time.Millisecond
)

// A size is how much is measured with a number of front-ends.
type size struct {
	frontends, revocations int
	duration               time.Duration // of each measurement of the load
	settle                 time.Duration // before it: PostgreSQL counts some statements late
}

// TestFleet: front-ends with the default options on one PostgreSQL all refuse
// within the bound; and what that costs.
func TestFleet(t *testing.T) {
	sizes := []size{{1, 3, time.Second, 0}, {4, 3, time.Second, 0}}
	if *full {
		const late = 12 * time.Second
		sizes = []size{{1, 60, 10 * time.Second, late}, {10, 30, 10 * time.Second, late}, {40, 20, 10 * time.Second, late}}
	}
	cluster := testpostgres.Start(t)
	binary := frontend.Build(t, nil)
	var rows []row
	for _, one := range sizes {
		for _, pollOnly := range []bool{false, true} {
			name := fmt.Sprintf("%d front-ends, poll only %v", one.frontends, pollOnly)
			t.Run(name, func(t *testing.T) {
				r := measure(t, server{cluster, cluster.CreateDatabase(t)}, binary, one, pollOnly)
				t.Log(r)
				rows = append(rows, r)
				require.Positive(t, r.hitRate)
			})
		}
	}
	t.Logf("\n%s", markdown(rows))
}

// A row is what was measured with one fleet.
type row struct {
	size
	pollOnly    bool
	latencies   []time.Duration // of all front-ends and revocations, in order
	quiet, busy rate            // of the server
	logins      float64         // a second, while busy
	hitRate     float64         // of these
}

func measure(tb testing.TB, s server, binary string, of size, pollOnly bool) row {
	f := newFleet(tb, s, binary, of.frontends, pollOnly)
	r := row{size: of, pollOnly: pollOnly}
	time.Sleep(of.settle)
	r.quiet = s.during(tb, func() { time.Sleep(of.duration) })
	for range of.revocations {
		r.latencies = append(r.latencies, f.revoke(tb)...)
	}
	slices.Sort(r.latencies)
	f.measureLoad(tb, &r)
	return r
}

// A fleet is front-ends on one database, and who administers their tokens.
type fleet struct {
	server
	manager   *regtoken.Manager
	processes []*frontend.Process
	random    *rand.Rand
}

func newFleet(tb testing.TB, s server, binary string, n int, pollOnly bool) *fleet {
	store, err := pgstore.Open(context.Background(), s.URL(s.database), nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	manager, err := regtoken.NewManager(store, nil)
	require.NoError(tb, err)
	f := &fleet{server: s, manager: manager, random: rand.New(rand.NewPCG(*seed, uint64(n)))}
	for range n {
		f.processes = append(f.processes,
			frontend.Start(tb, binary, frontend.Config{Target: s.URL(s.database), PollOnly: pollOnly}))
	}
	f.await(tb, func(_ int, p *frontend.Process) bool {
		reply, err := p.Do("Figures", frontend.Call{})
		require.NoError(tb, err)
		return reply.Stats.Fresh
	})
	return f
}

// await returns when something is true of every front-end.
func (f *fleet) await(tb testing.TB, isTrue func(i int, p *frontend.Process) bool) {
	deadline := time.Now().Add(patience)
	for i, p := range f.processes {
		for !isTrue(i, p) {
			require.True(tb, time.Now().Before(deadline), "it never came true of front-end %d", i+1)
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// all makes the same call of all front-ends at once.
func (f *fleet) all(tb testing.TB, method string, args any) {
	var calls errgroup.Group
	for _, p := range f.processes {
		calls.Go(func() error { return p.Call(method, args, &frontend.Reply{}) })
	}
	require.NoError(tb, calls.Wait())
}

// create makes a token.
func (f *fleet) create(tb testing.TB) (uuid.UUID, frontend.Attempt) {
	token, credential, err := f.manager.CreateToken(context.Background(), regtoken.TokenSpec{Name: "t" + uuid.NewString()})
	require.NoError(tb, err)
	return token.ID, frontend.Attempt{Key: token.ID, Name: credential.Name, Password: credential.Password.Reveal()}
}

// revoke revokes a token that all front-ends know, and returns how long after
// the acknowledgement each began the first login that it refused.
func (f *fleet) revoke(tb testing.TB) (latencies []time.Duration) {
	id, attempt := f.create(tb)
	f.all(tb, "Hammer", frontend.Swing{Workers: 1, Pause: resolution, Drop: true})
	f.all(tb, "Aim", []frontend.Attempt{attempt})
	f.await(tb, func(_ int, p *frontend.Process) bool {
		return len(f.collect(tb, p).Admitted[id]) > 0
	})
	time.Sleep(time.Duration(f.random.Int64N(int64(maxStaleness / 4)))) // at any time between two polls
	_, err := f.manager.EditToken(context.Background(), id, regtoken.Edit{Status: regtoken.Disabled})
	require.NoError(tb, err)
	revoked := frontend.Now()
	latencies = make([]time.Duration, len(f.processes))
	f.await(tb, func(i int, p *frontend.Process) bool {
		seen := f.collect(tb, p)
		for _, login := range seen.Admitted[id] {
			require.LessOrEqual(tb, time.Duration(login.Begin-revoked), maxStaleness, "admitted after the bound")
		}
		if refused := seen.Refused[id]; len(refused) > 0 {
			latencies[i] = max(0, time.Duration(refused[0].Begin-revoked))
			return true
		}
		return false
	})
	return latencies
}

func (f *fleet) collect(tb testing.TB, p *frontend.Process) (seen frontend.Seen) {
	require.NoError(tb, p.Call("Collect", 0, &seen))
	return seen
}

const (
	tokens       = 200
	wrong        = 2                     // of as many logins as there are tokens
	loginPause   = 20 * time.Millisecond // of each worker
	loginWorkers = 2                     // of each front-end
	changePause  = 500 * time.Millisecond
)

// measureLoad lets all front-ends log in with tokens by turns, a few of the
// passwords wrong, while the administrator changes one token after the other.
func (f *fleet) measureLoad(tb testing.TB, r *row) {
	var ids []uuid.UUID
	var attempts []frontend.Attempt
	for range tokens {
		id, attempt := f.create(tb)
		ids, attempts = append(ids, id), append(attempts, attempt)
	}
	for i := range wrong {
		attempts = append(attempts, frontend.Attempt{
			Key: uuid.New(), Name: attempts[i].Name, Password: attempts[i+1].Password,
		})
	}
	f.all(tb, "Hammer", frontend.Swing{Workers: loginWorkers, Pause: loginPause})
	f.all(tb, "Aim", attempts)
	known := make([]map[uuid.UUID]bool, len(f.processes))
	f.await(tb, func(i int, p *frontend.Process) bool { // nearly all tokens: what comes then is everyday life
		if known[i] == nil {
			known[i] = make(map[uuid.UUID]bool)
		}
		for key := range f.collect(tb, p).Admitted {
			known[i][key] = true
		}
		return len(known[i]) >= tokens*95/100
	})
	before := f.logins(tb)
	begin := time.Now()
	r.busy = f.during(tb, func() {
		for i := 0; time.Since(begin) < r.duration; i++ {
			scope := regtoken.Scope{Type: regtoken.RepositoryType, Path: fmt.Sprintf("team/%d", i/tokens), Actions: regtoken.Pull}
			_, err := f.manager.AddScopes(context.Background(), ids[i%tokens], scope)
			require.NoError(tb, err)
			time.Sleep(changePause)
		}
	})
	seconds := time.Since(begin).Seconds()
	after := f.logins(tb)
	hits, misses := after.Hits-before.Hits, after.Misses-before.Misses
	r.logins = float64(hits+misses) / seconds
	r.hitRate = float64(hits) / float64(hits+misses)
}

// logins adds up the logins of all front-ends.
func (f *fleet) logins(tb testing.TB) (sum regtoken.Stats) {
	for _, p := range f.processes {
		reply, err := p.Do("Figures", frontend.Call{})
		require.NoError(tb, err)
		sum.Hits += reply.Stats.Hits
		sum.Misses += reply.Stats.Misses
	}
	return sum
}

// quantile returns the latency that a share of all do not exceed.
func (r row) quantile(share float64) time.Duration {
	i := int(share * float64(len(r.latencies)))
	return r.latencies[min(i, len(r.latencies)-1)].Round(time.Millisecond)
}

func (r row) String() string {
	feed := "LISTEN"
	if r.pollOnly {
		feed = "polls only"
	}
	return fmt.Sprintf("| %d | %s | %v | %v | %v | %.1f | %.1f %% | %.0f | %.0f | %.1f %% | %.2f %% |",
		r.frontends, feed, r.quantile(0.5), r.quantile(0.99), r.quantile(1),
		r.quiet.statements, 100*r.quiet.cpu, r.logins, r.busy.statements, 100*r.busy.cpu, 100*r.hitRate)
}

// markdown is the table for the README.
func markdown(rows []row) string {
	lines := []string{
		"| front-ends | told by | revocation: median | p99 | max | idle: statements/s | CPU | busy: logins/s | statements/s | CPU | hits |",
		"| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
	}
	for _, r := range rows {
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}
