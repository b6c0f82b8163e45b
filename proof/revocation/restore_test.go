package revocation_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/target"
)

// TestRestore: a store that was restored from a backup, or failed over to a
// standby that lacks its tail, is a store in which revocations never happened,
// and tokens never were. Let gone be the instant from which on nobody answers
// out of the lost history any more (the servers are down; SQLite: what was kept
// is back). Then no login that begins later
//   - is refused with a token whose revocation was lost (rights that are there
//     again may take the bound to show, as rights that are added), or
//   - is admitted with a token whose creation was lost, if it begins later
//     than gone + bound.
//
// This holds too where the front-ends see nothing of it, and new writes have
// brought the store's revision past the one they knew.
func TestRestore(t *testing.T) {
	binary := frontend.Build(t, nil)
	for _, one := range disasters {
		for _, unseen := range []bool{false, true} {
			if !*full && unseen != one.unseen {
				continue
			}
			t.Run(fmt.Sprintf("%s, unseen %v", one.name, unseen), func(t *testing.T) {
				o := outage{campaign: newOutage(binary), unseen: unseen}
				for i, v := range o.run(t, one.start(t)) {
					require.Zero(t, v.refused, "front-end %d refused what is good", i+1)
					require.Zero(t, v.late, "front-end %d admitted what never was", i+1)
					require.Positive(t, v.again, "front-end %d admitted no token that is good again", i+1)
					require.Positive(t, v.before, "front-end %d never admitted what got lost", i+1)
					require.Positive(t, v.resets, "front-end %d did not drop what it had", i+1)
				}
			})
		}
	}
}

// TestRestoreFindsMutant: a front-end that keeps what it has is found out.
func TestRestoreFindsMutant(t *testing.T) {
	binary := mutant{
		"a new beginning with what was there", "live.go",
		"	l.clear()\n	l.cursor.Store(&head)\n",
		"	l.cursor.Store(&head)\n",
	}.build(t)
	o := outage{campaign: newOutage(binary)}
	late := 0
	for _, v := range o.run(t, restoreSQLite(t)) {
		late += v.late
	}
	require.Positive(t, late)
}

func newOutage(binary string) campaign {
	all := load{cacheSize: 100, hammer: frontend.Swing{Workers: 8, Pause: 4 * time.Millisecond}}
	return campaign{binary: binary, frontends: []load{all, all}, bound: *bound, seed: *seed}
}

// An outage is a disaster under front-ends that go on.
type outage struct {
	campaign
	unseen bool // the front-ends are cut off, or stand still, until all is over
}

// aftermath is what one front-end made of it.
type aftermath struct {
	refused int    // logins refused though the credential was good, or denied after the bound
	late    int    // logins admitted after the bound with tokens that never were
	again   int    // logins admitted with tokens that are good again
	before  int    // logins admitted with tokens that got lost later
	resets  uint64 // while it happened
}

func (o outage) run(tb testing.TB, d *disaster) []aftermath {
	sites := o.startSites(tb, d.backend)
	l := newLedger(len(sites))
	watching, blind := context.WithCancel(context.Background())
	defer blind()
	watched := make(chan error, len(sites))
	for i, s := range sites {
		go func() { watched <- s.watch(watching, l, i) }()
	}
	ctx := context.Background()

	var kept, revoked, lost []*life
	o.administer(tb, d, l, func(a *administrator) {
		for range ways {
			kept = append(kept, a.mustCreate(tb))
			revoked = append(revoked, a.mustCreate(tb))
		}
	})
	awaitHits(tb, sites, l)
	d.keep(tb)
	o.administer(tb, d, l, func(a *administrator) {
		for i, one := range revoked {
			l.note(&one.doomed)
			require.NoError(tb, ways[i].revoke(ctx, a, one))
			l.note(&one.dead)
			lost = append(lost, a.mustCreate(tb))
		}
	})
	elapse(ctx, 2*o.bound) // by then all must have noticed
	awaitHits(tb, sites, l)
	var before []regtoken.Stats
	for _, s := range sites {
		before = append(before, s.figures(tb))
	}

	if o.unseen {
		for _, s := range sites {
			require.NoError(tb, s.hide())
		}
	}
	var gone int64
	if d.lose != nil {
		d.lose(tb)
		gone = frontend.Now()
	}
	d.back(tb)
	if d.lose == nil {
		gone = frontend.Now()
	}
	// More writes than were lost.
	o.administer(tb, d, l, func(a *administrator) {
		for range 2 * (len(revoked) + len(lost)) {
			a.ledger.drop(a.mustCreate(tb))
		}
	})
	if o.unseen {
		for _, s := range sites {
			require.NoError(tb, s.mend())
		}
	}
	for _, s := range sites {
		s.awaitHit(tb, revoked[0].Attempt)
	}
	elapse(ctx, afterlife*o.bound)
	blind()
	for range sites {
		require.NoError(tb, <-watched)
	}

	results := make([]aftermath, len(sites))
	for i, all := range l.seen {
		for _, seen := range all {
			results[i].add(seen, kept, revoked, lost, gone, o.bound)
			results[i].resets = seen.Stats.Resets - before[i].Resets
		}
		tb.Logf("front-end %d: %+v", i+1, results[i])
	}
	return results
}

func (a *aftermath) add(seen frontend.Seen, kept, revoked, lost []*life, gone int64, bound time.Duration) {
	count := func(logins map[uuid.UUID][]frontend.Times, lives []*life, after int64) (n int) {
		for _, one := range lives {
			for _, at := range logins[one.Key] {
				if at.Begin > after {
					n++
				}
			}
		}
		return n
	}
	a.refused += count(seen.Refused, kept, 0) + count(seen.Refused, revoked, gone)
	a.refused += count(seen.Denied, kept, 0) + count(seen.Denied, revoked, gone+int64(bound))
	a.late += count(seen.Admitted, lost, gone+int64(bound))
	a.again += count(seen.Admitted, revoked, gone)
	a.before += count(seen.Admitted, lost, 0) - count(seen.Admitted, lost, gone)
}

// administer lets an administrator work on the backend as it is now.
func (o outage) administer(tb testing.TB, d *disaster, l *ledger, work func(*administrator)) {
	store, err := target.Open(context.Background(), d.direct)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, store.Close()) }()
	manager, err := regtoken.NewManager(store, nil)
	require.NoError(tb, err)
	work(&administrator{manager: manager, ledger: l, random: o.random(1000), bound: o.bound})
}

func (a *administrator) mustCreate(tb testing.TB) *life {
	born, err := a.create(context.Background())
	require.NoError(tb, err)
	return born
}

// hide keeps everything from the site until it is mended.
func (s *site) hide() error {
	if s.route == nil {
		return s.process.Signal(syscall.SIGSTOP)
	}
	s.route.Cut()
	return nil
}
