package revocation_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// never is the instant of what has not happened.
const never = math.MaxInt64

// A life is the time in which a credential is good, by frontend.Now. A token
// that is enabled again, or gets another secret, begins another life.
type life struct {
	frontend.Attempt           // Key is the life's own
	id               uuid.UUID // of the token
	born             int64     // when its beginning was acknowledged
	doomed           int64     // when the call that ends it began
	dead             int64     // when that was acknowledged
	revived          int64     // when a call began that may make the credential good again

	scopes    []regtoken.Scope
	successor regtoken.Password // of a rotation
}

// A ledger is what is known of all lives, and what the sites saw of them. It
// is safe for concurrent use.
type ledger struct {
	mu    sync.Mutex
	lives map[uuid.UUID]*life
	aim   map[uuid.UUID]bool // lives that are to be logged in with
	turn  int                // counts changes of aim
	seen  [][]frontend.Seen  // by site
}

func newLedger(sites int) *ledger {
	return &ledger{
		lives: make(map[uuid.UUID]*life),
		aim:   make(map[uuid.UUID]bool),
		seen:  make([][]frontend.Seen, sites),
	}
}

// begin enters a life that has begun, and aims at it.
func (l *ledger) begin(id uuid.UUID, name, password string, scopes []regtoken.Scope) *life {
	born := &life{
		Attempt: frontend.Attempt{Key: uuid.New(), Name: name, Password: password, Path: path},
		id:      id, scopes: scopes, born: frontend.Now(), doomed: never, dead: never, revived: never,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives[born.Key] = born
	l.aim[born.Key] = true
	l.turn++
	return born
}

// note sets one of a life's instants to now.
func (l *ledger) note(instant *int64) {
	now := frontend.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	*instant = now
}

// drop aims no longer at a life.
func (l *ledger) drop(gone *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.aim, gone.Key)
	l.turn++
}

// anyGood returns a life that has not ended.
func (l *ledger) anyGood(tb testing.TB) frontend.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.lives {
		if one.doomed == never {
			return one.Attempt
		}
	}
	require.Fail(tb, "no credential is good")
	return frontend.Attempt{}
}

// aims returns what is to be aimed at, if that has changed since the turn.
func (l *ledger) aims(since int) (attempts []frontend.Attempt, turn int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn == since {
		return nil, since
	}
	for key := range l.aim {
		attempts = append(attempts, l.lives[key].Attempt)
	}
	return attempts, l.turn
}

// add enters what a site saw.
func (l *ledger) add(site int, seen frontend.Seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[site] = append(l.seen[site], seen)
}

// A verdict is how a site kept the promise.
type verdict struct {
	counts   frontend.Counts
	stale    int           // admitted by calls begun after a revocation, but within the bound
	late     int           // ... and beyond it: broken
	latest   time.Duration // the longest time after a revocation at which such a call began
	wrongful int           // refused though the credential was good, or denied beyond the bound: broken
	narrow   int           // denied by calls begun after rights were added, but within the bound
	figures  regtoken.Stats
}

// judge returns the verdict on each site.
func (l *ledger) judge(bound time.Duration) []verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	verdicts := make([]verdict, len(l.seen))
	for i, all := range l.seen {
		for _, seen := range all {
			verdicts[i].add(l.lives, seen, bound)
		}
	}
	return verdicts
}

func (v *verdict) add(lives map[uuid.UUID]*life, seen frontend.Seen, bound time.Duration) {
	for key, logins := range seen.Admitted {
		of := lives[key]
		for _, at := range logins {
			switch {
			case at.Begin <= of.dead || at.End >= of.revived:
				continue
			case at.Begin <= of.dead+int64(bound):
				v.stale++
			default:
				v.late++
			}
			v.latest = max(v.latest, time.Duration(at.Begin-of.dead))
		}
	}
	for key, logins := range seen.Refused {
		for _, at := range logins {
			if at.End < lives[key].doomed {
				v.wrongful++
			}
		}
	}
	for key, logins := range seen.Denied {
		of := lives[key]
		for _, at := range logins {
			switch {
			case at.End >= of.doomed:
			case at.Begin <= of.born+int64(bound):
				v.narrow++
			default:
				v.wrongful++
			}
		}
	}
	v.counts.Add(seen.Counts)
	v.figures = seen.Stats
}

// total is all verdicts in one; of the figures, those that count.
func total(verdicts []verdict) (sum verdict) {
	for _, v := range verdicts {
		sum.counts.Add(v.counts)
		sum.stale += v.stale
		sum.late += v.late
		sum.latest = max(sum.latest, v.latest)
		sum.wrongful += v.wrongful
		sum.narrow += v.narrow
		sum.figures.Hits += v.figures.Hits
		sum.figures.Misses += v.figures.Misses
		sum.figures.Evictions += v.figures.Evictions
		sum.figures.FeedReads += v.figures.FeedReads
		sum.figures.FeedErrors += v.figures.FeedErrors
		sum.figures.Resets += v.figures.Resets
	}
	return sum
}

// table shows verdicts, the last line their total.
func table(verdicts []verdict) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "front-end\tlogins\tadmitted\tstale\tLATE\tlatest\trefused\tdenied\tnarrow\tWRONGFUL\tunavailable\tother\thits\tmisses\tevictions\tfeed reads\tfailed\tresets\t")
	for i, v := range slices.Concat(verdicts, []verdict{total(verdicts)}) {
		name := fmt.Sprint(i + 1)
		if i == len(verdicts) {
			name = "all"
		}
		n := v.counts
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%v\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name,
			n.Admitted+n.Refused+n.Denied+n.Unavailable+n.Other, n.Admitted, v.stale, v.late, v.latest.Round(time.Millisecond),
			n.Refused, n.Denied, v.narrow, v.wrongful, n.Unavailable, n.Other,
			v.figures.Hits, v.figures.Misses, v.figures.Evictions, v.figures.FeedReads, v.figures.FeedErrors, v.figures.Resets)
	}
	_ = w.Flush() // to a Builder
	return text.String()
}
