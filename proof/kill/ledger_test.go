package kill_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// A ledger knows of each name which states it can be in, from the answers to
// all calls. Calls about one name come one after the other. It is safe for
// concurrent use.
type ledger struct {
	mu     sync.Mutex
	names  map[string]*account
	made   map[uuid.UUID]writes // of the records known by their IDs
	births int                  // creations that were not acknowledged: at most so many IDs are not known
	faults []string             // answers that cannot be true
	counts map[frontend.Outcome]int
	logins map[uuid.UUID]string // the passwords of secrets
}

// An account is what is known of a name.
type account struct {
	possible states
	pending  []call   // were sent, and may have happened, or may yet happen
	history  []string // the last calls and answers
	doubted  bool     // since it was last settled
}

// writes count the changes of a record that the feed must, and that it may
// tell of.
type writes struct{ sure, unsure int }

// killed is the outcome of a call that was not answered.
const killed frontend.Outcome = "no answer"

func newLedger() *ledger {
	return &ledger{
		names: map[string]*account{}, made: map[uuid.UUID]writes{},
		counts: map[frontend.Outcome]int{}, logins: map[uuid.UUID]string{},
	}
}

// account returns that of a name, under which there is nothing at first.
func (l *ledger) account(name string) *account {
	a := l.names[name]
	if a == nil {
		a = &account{possible: states{{}}}
		l.names[name] = a
	}
	return a
}

// possible returns the states that the name can be in.
func (l *ledger) possible(name string) states {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.account(name).possible
}

// answered notes the answer to a call, or that there was none (err).
func (l *ledger) answered(name string, c call, r frontend.Reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		r = frontend.Reply{Outcome: killed, Detail: err.Error()}
	}
	l.counts[r.Outcome]++
	if r.Password != "" {
		l.logins[r.SecretID] = r.Password
	}
	a := l.account(name)
	a.note(fmt.Sprintf("%v: %q %s", c, r.Outcome, r.Detail))
	before := a.possible
	switch r.Outcome {
	case "":
		a.succeeded(c, r)
	case frontend.Unknown, killed:
		a.doubt(c)
	case frontend.NameTaken:
		a.narrow(func(s state) bool { return c.method == "Create" && s.exists() })
	case frontend.NotFound:
		a.narrow(func(s state) bool {
			_, possible := c.apply(s)
			return c.method != "Create" && !possible
		})
	case frontend.Unavailable: // surely nothing changed
	default:
		a.possible = nil
	}
	if len(a.possible) == 0 {
		l.faults = append(l.faults, fmt.Sprintf("%s was in one of %v; then %s", name, before, a.last()))
		a.possible = before
	}
	l.count(c, r, before)
}

// saw notes what a read found under the name.
func (l *ledger) saw(name string, r frontend.Reply) {
	if r.Outcome != "" && r.Outcome != frontend.NotFound {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a, found := l.account(name), described(r)
	before := a.possible
	a.note(fmt.Sprintf("found %v", found))
	if a.possible.that(func(s state) bool { return s.fits(found) }) == nil {
		l.faults = append(l.faults, fmt.Sprintf("%s was in one of %v; then %s", name, before, a.last()))
		return
	}
	a.possible = states{found}
	a.reconsider()
}

// succeeded: the call was acknowledged.
func (a *account) succeeded(c call, r frontend.Reply) {
	var after states
	for _, s := range a.possible {
		made, possible := c.apply(s)
		if !possible {
			continue
		}
		if made, possible = c.told(made, r); possible {
			after = after.with(made)
		}
	}
	a.possible = after
	// A change that is still on its way rests on a revision that is no more.
	a.pending = slices.DeleteFunc(a.pending, func(p call) bool { return p.method != "Create" })
	a.reconsider()
}

func (a *account) doubt(c call) {
	a.doubted = true
	a.pending = append(a.pending, c)
	a.reconsider()
}

func (a *account) narrow(keep func(state) bool) {
	if a.possible = a.possible.that(keep); a.possible != nil {
		a.reconsider()
	}
}

// reconsider adds what pending calls may have led to, or may yet.
func (a *account) reconsider() {
	for i := 0; i < len(a.possible); i++ {
		for _, c := range a.pending {
			if made, possible := c.apply(a.possible[i]); possible {
				a.possible = a.possible.with(made)
			}
		}
	}
}

func (a *account) note(line string) {
	const most = 8
	a.history = append(a.history, line)
	a.history = a.history[max(0, len(a.history)-most):]
}

func (a *account) last() string { return strings.Join(a.history, "\n\t") }

// count notes what the call must, or may, have added to the feed.
func (l *ledger) count(c call, r frontend.Reply, before states) {
	id := c.ID
	switch r.Outcome {
	case frontend.Unknown, killed:
		if c.method == "Create" {
			l.births++
			return
		}
		w := l.made[id]
		w.unsure++
		l.made[id] = w
	case "":
		if c.method == "Create" {
			id = r.ID
		}
		w := l.made[id]
		if before.that(func(s state) bool { made, possible := c.apply(s); return possible && made == s }) == nil {
			w.sure++
		} else { // there may have been nothing to change
			w.unsure++
		}
		l.made[id] = w
	}
}

// settle compares what the names stand at with what they can stand at, now
// that nothing is on its way any more, and takes it for what is. It returns all
// that is wrong, answers included, and the names that had been in doubt.
func (l *ledger) settle(found map[string]state) (doubted []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range found {
		l.account(name)
	}
	for name, a := range l.names {
		now := found[name]
		if a.possible.that(func(s state) bool { return s.fits(now) }) == nil {
			l.faults = append(l.faults, fmt.Sprintf("%s is %v, and must be one of %v, for\n\t%s", name, now, a.possible, a.last()))
		}
		if a.doubted {
			doubted = append(doubted, name)
		}
		*a = account{possible: states{now}, history: a.history}
	}
	faults := l.faults
	l.faults = nil
	slices.Sort(doubted)
	if len(faults) > 0 { // one leads to others
		return doubted, fmt.Errorf("%d faults, the first of them: %s", len(faults), faults[0])
	}
	return doubted, nil
}

// checkFeed compares the changes since the last call with those that must be
// among them, and begins anew.
func (l *ledger) checkFeed(changes []store.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := map[uuid.UUID]int{}
	for _, c := range changes {
		told[c.ID]++
	}
	made, births := l.made, l.births
	l.forgetFeed()
	for id, w := range made {
		if n := told[id]; n < w.sure || n > w.sure+w.unsure {
			// The ID of an unacknowledged creation may have become known later.
			if n != w.sure+w.unsure+1 || births == 0 {
				return fmt.Errorf("the feed tells of %d changes of %v; %d were acknowledged, and %d not", n, id, w.sure, w.unsure)
			}
			births--
		}
		delete(told, id)
	}
	if len(told) > births {
		return fmt.Errorf("the feed tells of %d records that nobody made: %v", len(told)-births, told)
	}
	return nil
}

// forgetFeed begins anew with what the feed must tell.
func (l *ledger) forgetFeed() { l.made, l.births = map[uuid.UUID]writes{}, 0 }

// certain returns the state of each name that there is, of each of which there
// is no doubt.
func (l *ledger) certain() map[string]state {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make(map[string]state, len(l.names))
	for name, a := range l.names {
		if len(a.possible) == 1 && a.possible[0].exists() {
			states[name] = a.possible[0]
		}
	}
	return states
}

// takeTotals returns how many calls ended in each way since it was last called.
func (l *ledger) takeTotals() map[frontend.Outcome]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := l.counts
	l.counts = map[frontend.Outcome]int{}
	return counts
}
