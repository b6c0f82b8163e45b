package revocation_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/target"
)

// A campaign is a number of revocations under faults.
type campaign struct {
	binary      string // of the front-ends
	frontends   []load
	revocations int
	bound       time.Duration
	seed        uint64
	untilLate   bool // end at the first call that breaks the promise
}

// A load is what a front-end has to do, and what it has to do it with.
type load struct {
	cacheSize int
	hammer    frontend.Swing
	patience  int  // with the store, in bounds
	overtaken bool // suffers nothing but answers that overtake each other, if it has a network
}

// random returns a source of chance for a part of the campaign.
func (c campaign) random(part int) *rand.Rand { return rand.New(rand.NewPCG(c.seed, uint64(part))) }

// run plays the campaign on a backend, logs what was seen, and returns it.
func (c campaign) run(tb testing.TB, b backend) []verdict {
	sites := c.startSites(tb, b)
	store, err := target.Open(context.Background(), b.direct)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, store.Close()) }()
	manager, err := regtoken.NewManager(store, nil)
	require.NoError(tb, err)
	l := newLedger(len(sites))

	ctx, stop := context.WithCancel(context.Background()) // until all is revoked
	defer stop()
	var quota atomic.Int64
	quota.Store(int64(c.revocations))
	var administrators errgroup.Group
	for i := range b.administrators {
		a := &administrator{manager: manager, ledger: l, random: c.random(1000 + i), bound: c.bound}
		administrators.Go(func() error { return a.work(ctx, &quota) })
	}
	suffering, heal := context.WithCancel(context.Background())
	defer heal()
	struck := make([]map[string]int, len(sites))
	var fates, watches errgroup.Group
	watching, blind := context.WithCancel(context.Background())
	defer blind()
	watches.Go(func() error { // so that what is changed is kept, and need not be read
		_ = manager.Run(watching)
		return nil
	})
	for i, s := range sites {
		fates.Go(func() (err error) {
			health := time.Duration(b.health) * c.bound
			if c.frontends[i].overtaken {
				health = c.bound // it recovers at once
			}
			struck[i], err = s.suffer(suffering, c.bound, health)
			return err
		})
		watches.Go(func() error { return s.watch(watching, l, i) })
	}
	watches.Go(func() error {
		for c.untilLate && elapse(watching, c.bound) {
			if total(l.judge(c.bound)).late > 0 {
				stop()
			}
		}
		return nil
	})
	revoked := make(chan error, 1)
	go func() {
		revoked <- administrators.Wait()
		heal()
	}()
	shocks := b.shake(suffering, tb, c.random(2000), c.bound)
	require.NoError(tb, <-revoked)
	require.NoError(tb, fates.Wait())
	blind()
	require.NoError(tb, watches.Wait())

	verdicts := l.judge(c.bound)
	tb.Logf("%d revocations, bound %v, seed %d\n%s\n%s\n%s", c.revocations-max(0, int(quota.Load())), c.bound, c.seed,
		counted(shocks), counted(struck...), table(verdicts))
	awaitHits(tb, sites, l)
	return verdicts
}

func (c campaign) startSites(tb testing.TB, b backend) (sites []*site) {
	for i, l := range c.frontends {
		way, at := b.route(tb)
		s := &site{route: way, random: c.random(i), faults: []fault{halt}}
		switch {
		case way != nil && l.overtaken:
			s.faults = overtaking
		case way != nil:
			s.faults = slices.Concat(s.faults, overtaking, networkFaults)
		}
		s.process = frontend.Start(tb, c.binary, frontend.Config{
			Target:       at,
			MaxStaleness: c.bound,
			CacheSize:    l.cacheSize,
			StoreTimeout: c.bound * time.Duration(l.patience),
		})
		// A process that stands still could not be told to end.
		tb.Cleanup(func() { _ = s.process.Signal(syscall.SIGCONT) })
		require.NoError(tb, s.process.Call("Hammer", l.hammer, &frontend.Reply{}))
		sites = append(sites, s)
	}
	return sites
}

// watch aims the hammer of the site as the ledger says, and enters what it
// sees, until ctx ends.
func (s *site) watch(ctx context.Context, l *ledger, index int) error {
	turn := 0
	for lap := 1; elapse(ctx, 5*time.Millisecond); lap++ {
		attempts, now := l.aims(turn)
		if now != turn {
			turn = now
			if err := s.process.Call("Aim", attempts, &frontend.Reply{}); err != nil {
				return err
			}
		}
		if lap%100 == 0 {
			if err := s.collect("Collect", l, index); err != nil {
				return err
			}
		}
	}
	return s.collect("Harvest", l, index)
}

func (s *site) collect(method string, l *ledger, index int) error {
	var seen frontend.Seen
	if err := s.process.Call(method, 0, &seen); err != nil {
		return err
	}
	l.add(index, seen)
	return nil
}

// awaitHits returns when every site admits logins by what it has kept.
func awaitHits(tb testing.TB, sites []*site, l *ledger) {
	for _, s := range sites {
		s.awaitHit(tb, l.anyGood(tb))
	}
}

// awaitHit returns when a login is admitted, and logins are by what the site
// has kept.
func (s *site) awaitHit(tb testing.TB, good frontend.Attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		before := s.figures(tb)
		reply, err := s.process.Do("Authenticate", frontend.Call{Name: good.Name, Password: good.Password})
		require.NoError(tb, err)
		if reply.Outcome == "" && s.figures(tb).Hits > before.Hits {
			return
		}
		require.True(tb, elapse(ctx, 20*time.Millisecond), "the front-end does not recover: %s %s", reply.Outcome, reply.Detail)
	}
}

func (s *site) figures(tb testing.TB) regtoken.Stats {
	reply, err := s.process.Do("Figures", frontend.Call{})
	require.NoError(tb, err)
	return reply.Stats
}

// counted shows how often each fault struck.
func counted(counts ...map[string]int) string {
	sum := make(map[string]int)
	for _, one := range counts {
		for name, n := range one {
			sum[name] += n
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		all = append(all, fmt.Sprintf("%d × %s", sum[name], name))
	}
	return strings.Join(all, ", ")
}
