package frontend

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken"
)

// hastiest is the longest pause of a hammer that is told none. It leaves some
// of the machine to the others.
const hastiest = 200 * time.Microsecond

// A hammer logs in with tokens again and again, and keeps when each login that
// was answered began and ended.
type hammer struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu       sync.Mutex
	attempts []Attempt
	dropped  map[uuid.UUID]bool // by Key
	seen     Seen
}

// A Swing is how a hammer logs in.
type Swing struct {
	Workers int           // logins at once
	Pause   time.Duration // of each worker after each login; zero: hardly any
	Drop    bool          // let go, for good, of an attempt that was refused
}

// An Attempt is a login that is to be tried.
type Attempt struct {
	Key            uuid.UUID // what the answers call it
	Name, Password string
	Path           string // if not "": also authorize a pull of it
}

// Counts are the logins that a hammer has made, by their ends.
type Counts struct{ Admitted, Refused, Denied, Unavailable, Other int }

// Add adds the others.
func (c *Counts) Add(others Counts) {
	c.Admitted += others.Admitted
	c.Refused += others.Refused
	c.Denied += others.Denied
	c.Unavailable += others.Unavailable
	c.Other += others.Other
}

// Seen is what a hammer saw: when the logins were made that were admitted,
// those that were refused, and those that may not pull from the Path, by the
// Key of their Attempt.
type Seen struct {
	Admitted, Refused, Denied map[uuid.UUID][]Times
	Counts                    Counts
	Stats                     regtoken.Stats // of the Manager's whole life
}

func newSeen() Seen {
	return Seen{
		Admitted: make(map[uuid.UUID][]Times),
		Refused:  make(map[uuid.UUID][]Times),
		Denied:   make(map[uuid.UUID][]Times),
	}
}

// Hammer begins to log in. A hammer that is at work is replaced.
func (s *Service) Hammer(swing Swing, _ *Reply) error {
	s.stopHammer()
	ctx, cancel := context.WithCancel(context.Background())
	h := &hammer{cancel: cancel, dropped: make(map[uuid.UUID]bool), seen: newSeen()}
	for range swing.Workers {
		h.workers.Go(func() { h.run(ctx, s.manager, swing) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hammer = h
	return nil
}

var errNoHammer = errors.New("there is no hammer")

// Aim sets what is to be logged in with from now on: one of the attempts at a
// time, by chance.
func (s *Service) Aim(attempts []Attempt, _ *Reply) error {
	h := s.currentHammer()
	if h == nil {
		return errNoHammer
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts = attempts
	h.forget()
	return nil
}

// Collect returns what the hammer saw since the last Collect, and lets it go
// on.
func (s *Service) Collect(_ int, reply *Seen) error {
	h := s.currentHammer()
	if h == nil {
		return errNoHammer
	}
	*reply = h.collect()
	reply.Stats = s.manager.Stats()
	return nil
}

// Harvest stops the hammer, and returns what it saw since the last Collect.
func (s *Service) Harvest(_ int, reply *Seen) error {
	h := s.stopHammer()
	if h == nil {
		return errNoHammer
	}
	*reply = h.collect()
	reply.Stats = s.manager.Stats()
	return nil
}

func (s *Service) currentHammer() *hammer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hammer
}

func (s *Service) stopHammer() *hammer {
	s.mu.Lock()
	h := s.hammer
	s.hammer = nil
	s.mu.Unlock()
	if h != nil {
		h.cancel()
		h.workers.Wait()
	}
	return h
}

func (h *hammer) run(ctx context.Context, m *regtoken.Manager, swing Swing) {
	for ctx.Err() == nil {
		if t, ok := h.pick(); !ok {
			time.Sleep(time.Millisecond) // there is nothing to do yet
		} else if h.strike(ctx, m, t) && swing.Drop {
			h.drop(t.Key)
		}
		if swing.Pause > 0 {
			time.Sleep(swing.Pause)
		} else {
			time.Sleep(rand.N(hastiest))
		}
	}
}

// strike logs in once, and reports whether that was refused.
func (h *hammer) strike(ctx context.Context, m *regtoken.Manager, t Attempt) (refused bool) {
	at := Times{Begin: Now()}
	grant, err := m.Authenticate(ctx, login(Call{Name: t.Name, Password: t.Password}))
	if err == nil && t.Path != "" {
		err = grant.Authorize(t.Path, regtoken.Pull)
	}
	at.End = Now()
	if ctx.Err() == nil || err == nil {
		h.note(t.Key, at, err)
	}
	return errors.Is(err, regtoken.ErrUnauthenticated) || errors.Is(err, regtoken.ErrDenied)
}

func (h *hammer) drop(key uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropped[key] = true
	h.forget()
}

// forget lets go of what was dropped.
func (h *hammer) forget() {
	h.attempts = slices.DeleteFunc(h.attempts, func(t Attempt) bool { return h.dropped[t.Key] })
}

func (h *hammer) pick() (Attempt, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.attempts) == 0 {
		return Attempt{}, false
	}
	return h.attempts[rand.IntN(len(h.attempts))], true
}

func (h *hammer) note(key uuid.UUID, at Times, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.seen.Admitted[key] = append(h.seen.Admitted[key], at)
		h.seen.Counts.Admitted++
	case errors.Is(err, regtoken.ErrUnauthenticated):
		h.seen.Refused[key] = append(h.seen.Refused[key], at)
		h.seen.Counts.Refused++
	case errors.Is(err, regtoken.ErrDenied):
		h.seen.Denied[key] = append(h.seen.Denied[key], at)
		h.seen.Counts.Denied++
	case errors.Is(err, regtoken.ErrUnavailable):
		h.seen.Counts.Unavailable++
	default:
		h.seen.Counts.Other++
	}
}

func (h *hammer) collect() Seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = newSeen()
	return seen
}
