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
// only the first of many in a row sends one, and one follows the last.
type teller struct {
	tell func() // sends a notification of all that was written

	mu      sync.Mutex
	pause   *time.Timer // until the next may be sent; nil: it may
	owed    bool        // for a write that sent none
	stopped bool
	running sync.WaitGroup // pauses, and what follows them
}

// claim reports whether the write that is about to be made is to send a
// notification. If it is not, or nothing comes of it, call owe after it.
func (t *teller) claim() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pause != nil || t.stopped {
		return false
	}
	t.begin()
	return true
}

// owe has a notification sent once the pause ends, for a write that may have
// been made and sent none.
func (t *teller) owe() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owed = true
	if t.pause == nil && !t.stopped {
		t.begin()
	}
}

// begin begins a pause. The caller holds the lock.
func (t *teller) begin() {
	t.running.Add(1)
	t.pause = time.AfterFunc(tellInterval, t.end)
}

func (t *teller) end() {
	defer t.running.Done()
	if t.isDue() {
		t.tell()
	}
}

// isDue ends a pause and reports whether a notification is owed, which is then
// about to be sent: what is written from now on it may miss.
func (t *teller) isDue() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause = nil
	if !t.owed || t.stopped {
		return false
	}
	t.owed = false
	t.begin()
	return true
}

// stop returns when nothing is left running.
func (t *teller) stop() {
	t.mu.Lock()
	t.stopped = true
	if t.pause != nil && t.pause.Stop() {
		t.running.Done()
	}
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
