package regtoken

import (
	"sync"
	"time"
)

// sweepers are the calls of Run under way, told of each token that is written
// with an expiry. The zero value is none.
type sweepers struct {
	mu      sync.Mutex
	running map[*sweeper]struct{}
}

// A sweeper is what one call of Run was told.
type sweeper struct {
	mu   sync.Mutex
	due  time.Time     // the earliest since begin; zero for nothing
	told chan struct{} // of an earlier one than before
}

func (ss *sweepers) add() *sweeper {
	s := &sweeper{told: make(chan struct{}, 1)}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.running == nil {
		ss.running = make(map[*sweeper]struct{})
	}
	ss.running[s] = struct{}{}
	return s
}

func (ss *sweepers) remove(s *sweeper) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.running, s)
}

// tell says that a record falls due; the zero Time is never.
func (ss *sweepers) tell(due time.Time) {
	if due.IsZero() {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for s := range ss.running {
		s.tell(due)
	}
}

func (s *sweeper) tell(due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.due.IsZero() && !due.Before(s.due) {
		return
	}
	s.due = due
	select {
	case s.told <- struct{}{}:
	default: // it has yet to look
	}
}

// begin forgets what was told before: whoever calls it goes and looks.
func (s *sweeper) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = time.Time{}
}

// earliest returns the earlier of next and what was told; the zero Time is
// never.
func (s *sweeper) earliest(next time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next.IsZero() || !s.due.IsZero() && s.due.Before(next) {
		return s.due
	}
	return next
}
