package etcdstore

import (
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// rewatchDelay is how long a lost watch is left alone: a cluster in trouble is
// not to be asked without a pause.
const rewatchDelay = 200 * time.Millisecond

// hints are what the one watch of a store has told, for all who wait.
type hints struct {
	mu      sync.Mutex
	running sync.WaitGroup
	begun   bool
	stopped bool

	seen    int64         // the revision of the newest head
	watches int           // how often the watch was begun
	news    chan struct{} // closed when one of the two changes
}

// Wait implements [store.Waiter]. The first call starts a goroutine with a watch
// that all calls share, and that runs until Close.
func (s *Store) Wait(ctx context.Context, after store.Cursor) error {
	if s.lifetime.Err() != nil {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	rev, ok := revOf(after)
	if !ok {
		return nil // it is for Changes to say
	}
	s.hints.begin(s.watchHead)
	for watches := s.hints.count(); ; {
		news := s.hints.since(rev, watches)
		if news == nil {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ended(ctx.Err())
		case <-s.lifetime.Done():
			return errClosed
		}
	}
}

// begin runs watch in a goroutine, the first time it is called.
func (h *hints) begin(watch func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun || h.stopped {
		return
	}
	h.begun = true
	h.running.Go(watch)
}

// stop waits for the goroutine, whose context has ended, and lets none begin.
func (h *hints) stop() {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.running.Wait()
}

func (h *hints) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watches
}

// since returns what the next news closes; nil if there were any since the
// revision rev and as many watches.
func (h *hints) since(rev int64, watches int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen > rev || h.watches != watches {
		return nil
	}
	if h.news == nil {
		h.news = make(chan struct{})
	}
	return h.news
}

// tell takes in that the newest head has the revision seen.
func (h *hints) tell(seen int64, newWatch bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = seen
	if newWatch {
		h.watches++
	}
	if h.news != nil {
		close(h.news)
		h.news = nil
	}
}

// watchHead follows the head until Close.
func (s *Store) watchHead() {
	delay := time.NewTimer(0)
	defer delay.Stop()
	for {
		select {
		case <-s.lifetime.Done():
			return
		case <-delay.C:
		}
		s.watchOnce()
		delay.Reset(rewatchDelay)
	}
}

// watchOnce follows the head until the watch is lost. Whoever waited before it
// was there is woken: what they missed meanwhile, nobody knows.
func (s *Store) watchOnce() {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(s.lifetime))
	defer cancel()
	now, err := s.reads.Get(ctx, s.keys.head())
	if err != nil {
		return
	}
	var seen int64
	if len(now.Kvs) > 0 {
		seen = now.Kvs[0].ModRevision
	}
	s.hints.tell(seen, true)
	for answer := range s.watcher.Watch(ctx, s.keys.head(), clientv3.WithRev(now.Header.Revision+1)) {
		if answer.Err() != nil {
			return
		}
		for _, event := range answer.Events {
			s.hints.tell(event.Kv.ModRevision, false)
		}
	}
}
