package revocation_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

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
					require.Len(t, v.again, len(ways), "front-end %d did not admit all that is good again", i+1)
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
	all := load{cacheSize: 10_000, hammer: frontend.Swing{Workers: 8, Pause: 4 * time.Millisecond}, patience: 1}
	return campaign{binary: binary, frontends: []load{all, all}, bound: *bound, seed: *seed}
}

// An outage is a disaster under front-ends that go on.
type outage struct {
	campaign
	unseen bool // the front-ends are cut off, or stand still, until all is over

	sites  []*site
	ledger *ledger

	kept    []*life // good all the time
	revoked []*life // ended after what is kept of the store, and so good again
	lost    []*life // begun after it, and so never were
	gone    int64
}

// aftermath is what one front-end made of an outage.
type aftermath struct {
	refused int                // logins refused though the credential was good, or denied after the bound
	late    int                // logins admitted after the bound with tokens that never were
	again   map[uuid.UUID]bool // lives that are good again, by which a login was admitted
	before  int                // logins admitted with tokens that got lost later
	resets  uint64             // meanwhile
}

// run plays the outage, and returns what each front-end made of it.
func (o *outage) run(tb testing.TB, d *disaster) []aftermath {
	o.sites = o.startSites(tb, d.backend)
	o.ledger = newLedger(len(o.sites))
	watching, blind := context.WithCancel(context.Background())
	defer blind()
	var watches errgroup.Group
	for i, s := range o.sites {
		watches.Go(func() error { return s.watch(watching, o.ledger, i) })
	}

	o.administer(tb, d, func(a *administrator) {
		for range ways {
			o.kept = append(o.kept, a.mustCreate(tb))
			o.revoked = append(o.revoked, a.mustCreate(tb))
		}
	})
	awaitHits(tb, o.sites, o.ledger)
	d.keep(tb)
	o.administer(tb, d, func(a *administrator) {
		for i, one := range o.revoked {
			o.ledger.note(&one.doomed)
			require.NoError(tb, ways[i].revoke(context.Background(), a, one))
			o.ledger.note(&one.dead)
			o.lost = append(o.lost, a.mustCreate(tb))
		}
	})
	elapse(watching, 2*o.bound) // by then all must have noticed
	awaitHits(tb, o.sites, o.ledger)
	before := make([]uint64, len(o.sites))
	for i, s := range o.sites {
		before[i] = s.figures(tb).Resets
	}

	o.strike(tb, d)
	for _, s := range o.sites {
		s.awaitHit(tb, o.revoked[0].Attempt)
	}
	elapse(watching, afterlife*o.bound)
	blind()
	require.NoError(tb, watches.Wait())

	results := make([]aftermath, len(o.sites))
	for i, all := range o.ledger.seen {
		results[i] = o.judge(all)
		results[i].resets -= before[i]
		r := results[i]
		tb.Logf("front-end %d: refused %d, late %d, good again %d of %d, lost tokens admitted before %d, resets %d",
			i+1, r.refused, r.late, len(r.again), len(o.revoked), r.before, r.resets)
	}
	return results
}

// strike lets the disaster happen, and more be written after it than was lost.
func (o *outage) strike(tb testing.TB, d *disaster) {
	if o.unseen {
		for _, s := range o.sites {
			require.NoError(tb, s.hide())
		}
	}
	if d.lose != nil {
		d.lose(tb)
		o.gone = frontend.Now()
	}
	d.back(tb)
	if d.lose == nil {
		o.gone = frontend.Now()
	}
	o.administer(tb, d, func(a *administrator) {
		for range 2 * (len(o.revoked) + len(o.lost)) {
			o.ledger.drop(a.mustCreate(tb))
		}
	})
	if o.unseen {
		for _, s := range o.sites {
			require.NoError(tb, s.mend())
		}
	}
}

// judge goes through all that one front-end saw.
func (o *outage) judge(all []frontend.Seen) aftermath {
	a := aftermath{again: make(map[uuid.UUID]bool)}
	inTime := o.gone + int64(o.bound)
	for _, seen := range all {
		a.refused += since(0, seen.Refused, o.kept) + since(o.gone, seen.Refused, o.revoked)
		a.refused += since(0, seen.Denied, o.kept) + since(inTime, seen.Denied, o.revoked)
		a.late += since(inTime, seen.Admitted, o.lost)
		a.before += since(0, seen.Admitted, o.lost) - since(o.gone, seen.Admitted, o.lost)
		for _, one := range o.revoked {
			if since(o.gone, seen.Admitted, []*life{one}) > 0 {
				a.again[one.Key] = true
			}
		}
		a.resets = seen.Stats.Resets
	}
	return a
}

// since counts the logins of lives that began later than an instant.
func since(instant int64, logins map[uuid.UUID][]frontend.Times, of []*life) (n int) {
	for _, one := range of {
		for _, at := range logins[one.Key] {
			if at.Begin > instant {
				n++
			}
		}
	}
	return n
}

// administer lets an administrator work on the backend as it is now.
func (o *outage) administer(tb testing.TB, d *disaster, work func(*administrator)) {
	store, err := target.Open(context.Background(), d.direct)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, store.Close()) }()
	manager, err := regtoken.NewManager(store, nil)
	require.NoError(tb, err)
	work(&administrator{manager: manager, ledger: o.ledger, random: o.random(1000), bound: o.bound})
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
