package kill_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/network"
	"github.com/regtoken/regtoken/proof/internal/target"
)

// TestManagerSettles breaks the connection in the midst of a Manager's calls.
// Where it is mended soon the call must answer as if nothing had happened, if
// the write did. Where it stays cut the call may be in doubt; then the caller
// tries once more, and there is one token, not two.
func TestManagerSettles(t *testing.T) {
	onEachServer(t, func(t *testing.T, p place) {
		random := newRandom(t)
		data := p.freshOnServer(t)
		before := p.look(t, data.direct)
		directStore := open(t, data.direct)
		direct, err := newLocalFrontEnd(directStore)
		require.NoError(t, err)
		s := settling{direct: direct, ledger: newLedger(), seen: map[string]int{}}
		for i := range *kills {
			route, proxied := data.route(t)
			s.attempt(t, route, proxied, fmt.Sprintf("soon-%d", i), upTo(random, 200*time.Millisecond), random.Uint64())
		}
		// These take the whole time that a Manager has the patience for.
		var all sync.WaitGroup
		for i := range max(2, rounds(3)) {
			route, proxied := data.route(t)
			seed := random.Uint64()
			all.Go(func() { s.attempt(t, route, proxied, fmt.Sprintf("late-%d", i), afterTheCall, seed) })
			if i%8 == 7 {
				all.Wait()
			}
		}
		all.Wait()
		t.Logf("outcomes and effects: %v", s.seen)
		direct.Close()
		require.NoError(t, directStore.Close())
		require.False(t, t.Failed())
		p.verify(t, data.direct, s.ledger, before)
		if isFull() {
			for _, kind := range []string{
				`soon: "", happened`, `late: "outcome unknown", happened`, `late: "outcome unknown", did not happen`,
				`late: retried, "name taken"`, `late: retried, ""`,
			} {
				require.NotZero(t, s.seen[kind], kind)
			}
		}
	})
}

// settling is many calls that ran into faults.
type settling struct {
	direct frontEnd // past the faults
	ledger *ledger

	mu   sync.Mutex
	seen map[string]int
}

func (s *settling) note(kind string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[fmt.Sprintf(kind, args...)]++
}

// attempt makes one call about a name of its own, which runs into a fault. It
// can run in any goroutine.
func (s *settling) attempt(t *testing.T, route *network.Route, proxied, name string, mend time.Duration, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	f := faults[random.IntN(len(faults))]
	if err := s.try(t, route, proxied, name, f, mend, random); err != nil {
		t.Errorf("%s, %s: %v", name, f.name, err)
	}
}

func (s *settling) try(t *testing.T, route *network.Route, proxied, name string, f fault, mend time.Duration, random *rand.Rand) error {
	opened, err := target.Open(t.Context(), proxied)
	if err != nil {
		return err
	}
	defer opened.Close()
	manager, err := newLocalFrontEnd(opened)
	if err != nil {
		return err
	}
	defer manager.Close()
	var now state
	for range random.IntN(3) { // a new token, or one that has been changed
		if now, err = s.change(name, now, random); err != nil {
			return err
		}
	}

	c := plan(random, name, now)
	var r frontend.Reply
	var callErr error
	call := func() {
		f.notice(opened)
		r, callErr = manager.Do(c.method, c.Call)
	}
	happened := func() bool {
		is, err := s.effect(name, now, c)
		return err == nil && is == done
	}
	if err := errors.Join(lose(route, f, random, mend, call, happened), callErr); err != nil {
		return err
	}
	s.ledger.answered(name, c, r, nil)
	became, err := s.effect(name, now, c)
	if err != nil {
		return err
	}
	return s.judge(manager, name, c, r, became, mend)
}

// change makes a change past the faults.
func (s *settling) change(name string, now state, random *rand.Rand) (state, error) {
	c := plan(random, name, now)
	r, err := s.direct.Do(c.method, c.Call)
	s.ledger.answered(name, c, r, err)
	if err != nil || r.Outcome != "" {
		return state{}, errors.Join(fmt.Errorf("%v: %s", c, r.Detail), err)
	}
	after := s.ledger.possible(name)
	if len(after) != 1 {
		return state{}, fmt.Errorf("%v led to one of %v", c, after)
	}
	return after[0], nil
}

// effect returns what has become of a call, made when the name was as before.
func (s *settling) effect(name string, before state, c call) (effect, error) {
	r, err := s.direct.Do("TokenByName", frontend.Call{Name: name})
	if err != nil || r.Outcome != "" && r.Outcome != frontend.NotFound {
		return half, errors.Join(fmt.Errorf("TokenByName: %s", r.Detail), err)
	}
	now := described(r)
	after, _ := c.apply(before)
	switch {
	case now == before:
		return notDone, nil
	case after.fits(now):
		return done, nil
	}
	return half, fmt.Errorf("%v made %v of %v", c, now, before)
}

// judge compares the answer to a call with what became of it, and tries again
// to create what may not be.
func (s *settling) judge(manager frontEnd, name string, c call, r frontend.Reply, became effect, mend time.Duration) error {
	when := "soon"
	if mend == afterTheCall {
		when = "late"
	}
	s.note("%s: %q, %s", when, r.Outcome, became)
	answer := fmt.Errorf("%v was answered %q (%s); it %s", c, r.Outcome, r.Detail, became)
	switch r.Outcome {
	case "":
		if became != done {
			return answer
		}
		return s.checkLogin(name, r)
	case frontend.Unavailable:
		if became != notDone {
			return answer
		}
	case frontend.Unknown:
		if when == "soon" && became == done {
			return answer
		}
	default:
		return answer
	}
	if c.method == "Create" {
		return s.retry(manager, when, name, c, r.Outcome, became)
	}
	return nil
}

// checkLogin logs in with what a call has returned.
func (s *settling) checkLogin(name string, r frontend.Reply) error {
	if r.Password == "" || s.ledger.possible(name)[0].disabled {
		return nil
	}
	login, err := s.direct.Do("Authenticate", frontend.Call{Name: name, Password: r.Password})
	if err != nil || login.Outcome != "" {
		return errors.Join(fmt.Errorf("the credential does not work: %s", login.Detail), err)
	}
	return nil
}

// retry creates a token once more, by the route that is mended. If the first
// attempt happened, the name is taken; one that was in doubt may have come
// meanwhile. It goes on for as long as that is in doubt itself.
func (s *settling) retry(manager frontEnd, when, name string, c call, first frontend.Outcome, became effect) error {
	for {
		r, err := manager.Do(c.method, c.Call)
		s.ledger.answered(name, c, r, err)
		if err != nil {
			return err
		}
		switch r.Outcome { // it may have yet to notice that the route is mended
		case frontend.Unavailable:
			time.Sleep(time.Millisecond)
			continue
		case frontend.Unknown:
			first = frontend.Unknown
			if became, err = s.effect(name, state{}, c); err != nil {
				return err
			}
			continue
		}
		s.note("%s: retried, %q", when, r.Outcome)
		switch {
		case r.Outcome == "" && became == notDone:
			return s.checkLogin(name, r)
		case r.Outcome == frontend.NameTaken && first == frontend.Unknown:
			now, err := s.effect(name, state{}, c)
			if err == nil && now != done {
				err = fmt.Errorf("%q is taken, and there is no token", name)
			}
			return err
		}
		return fmt.Errorf("%v was answered %q and %s; once more, it was answered %q (%s)", c, first, became, r.Outcome, r.Detail)
	}
}
