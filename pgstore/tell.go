package pgstore

import (
	"context"
	"sync"
	"time"
)

// tellInterval is the shortest time between two notifications of a store. Each
// costs the write it comes with, and wakes every process that listens, which
// reads the feed no more often.
const tellInterval = 20 * time.Millisecond

// A teller spaces out the notifications of the writes that come alone, so that
// only the first of many in a row sends one, and one follows the last. Its zero
// value is ready for use.
type teller struct {
	mu      sync.Mutex
	last    time.Time   // when a notification was sent
	late    *time.Timer // sends one; nil: none is due
	stopped bool
	running sync.WaitGroup // what late calls
}

// isTime reports whether the write that is about to be made is to send a
// notification, which is then one for all before it. If nothing comes of the
// write, call later.
func (t *teller) isTime() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.last) < tellInterval {
		return false
	}
	t.last = now
	t.cancel()
	return true
}

// cancel does without the notification that is due. The caller holds the lock.
func (t *teller) cancel() {
	if t.late != nil && t.late.Stop() {
		t.running.Done()
	}
	t.late = nil
}

// later has tell called once it is time, for writes that may have been made and
// sent no notification.
func (t *teller) later(tell func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.late != nil || t.stopped {
		return
	}
	t.running.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t.last.Add(tellInterval)), func() {
		defer t.running.Done()
		t.mu.Lock()
		isDue := t.late == timer // and was not cancelled
		if isDue {
			t.late, t.last = nil, time.Now() // what is written from now on, tell may miss
		}
		t.mu.Unlock()
		if isDue {
			tell()
		}
	})
	t.late = timer
}

// stop returns when nothing is left that later began.
func (t *teller) stop() {
	t.mu.Lock()
	t.stopped = true
	t.cancel()
	t.mu.Unlock()
	t.running.Wait()
}

// tell sends a notification of the last write. Nothing rests on it.
func (s *Store) tell() {
	_ = ask(s.life, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, s.sql.tell, execMode)
		return err
	})
}
