package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/regtoken/regtoken/store"
)

const (
	// lookInterval is how often Head is asked while no notifications arrive
	// and somebody waits.
	lookInterval = 2 * time.Second

	// askLimit bounds each exchange with the server that nobody waits for.
	askLimit = 5 * time.Second

	// checkInterval is how often a connection that brought no notification is
	// asked whether it still stands.
	checkInterval = 30 * time.Second

	// How long to go without listening: after the connection was lost, twice
	// as long each time it cannot be had again; and where notifications do
	// not arrive, as behind a transaction pooler.
	minPause  = time.Second
	maxPause  = time.Minute
	deafPause = 10 * time.Minute
)

// testPrefix begins the payload of a notification by which a store tests
// whether it hears.
const testPrefix = "test:"

// errDeaf: notifications do not arrive.
var errDeaf = errors.New("pgstore: notifications do not arrive")

// A watch lets calls of Wait sleep until there is news. All of them share one
// goroutine, which the first starts and Close ends.
type watch struct {
	listening atomic.Bool

	mu      sync.Mutex
	news    chan struct{} // closed when there is news; nil while nobody waits
	waiting int
	started bool
	stopped bool
	running sync.WaitGroup
}

// start runs keep, once, unless stop came first.
func (w *watch) start(keep func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.stopped {
		return
	}
	w.started = true
	w.running.Go(keep)
}

// stop returns when no goroutine is left; what keep waits for has ended.
func (w *watch) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.running.Wait()
}

// join returns what is closed when there is news. Call leave when done.
func (w *watch) join() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
	if w.news == nil {
		w.news = make(chan struct{})
	}
	return w.news
}

func (w *watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
}

func (w *watch) isWaitedFor() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting > 0
}

func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
}

// Wait implements [store.Waiter]. The first call starts a goroutine and takes
// a connection from the pool, for good: it listens there for the notifications
// of writes. Where these do not arrive, Wait finds out for itself
// within seconds that there is news; see [Store.Listening].
func (s *Store) Wait(ctx context.Context, after store.Cursor) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.watch.start(s.keepWatch)
	// First this, then Head: a write after Head was asked is news.
	news := s.watch.join()
	defer s.watch.leave()
	if head, err := s.Head(ctx); err == nil && head != after {
		return nil
	}
	// A Head that failed is no reason to return, and be called again at once.
	select {
	case <-news:
		return nil
	case <-ctx.Done():
	case <-s.life.Done():
	}
	return s.usable(ctx)
}

// Listening reports whether notifications of writes arrive, for the operator
// to look at. It is false before the first Wait, while the connection for them
// is down, and where they were tested and do not arrive: behind a transaction
// pooler.
func (s *Store) Listening() bool { return s.watch.listening.Load() }

// keepWatch listens as long and as well as it can, until Close.
func (s *Store) keepWatch() {
	pause := minPause
	for s.life.Err() == nil {
		heard, err := s.listen()
		switch {
		case errors.Is(err, errDeaf):
			pause = deafPause
		case heard:
			pause = minPause
		default:
			pause = min(2*pause, maxPause)
		}
		s.lookFor(pause)
	}
}

// lookFor wakes who waits whenever Head has moved, for a while.
func (s *Store) lookFor(pause time.Duration) {
	ctx, cancel := context.WithTimeout(s.life, pause)
	defer cancel()
	tick := time.NewTicker(min(pause, lookInterval))
	defer tick.Stop()
	var seen store.Cursor // the first look is news: who knows what was missed
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.watch.isWaitedFor() {
			continue
		}
		var head store.Cursor
		err := ask(s.life, func(ctx context.Context) (err error) {
			head, err = s.Head(ctx)
			return err
		})
		if err == nil && head != seen {
			seen = head
			s.watch.wake()
		}
	}
}

// listen wakes who waits at each notification, and returns why it cannot go
// on: errDeaf if notifications do not arrive. Whether they ever did it also
// returns.
func (s *Store) listen() (heard bool, err error) {
	conn, err := s.listeningConn()
	if err != nil {
		return false, err
	}
	defer hangUp(conn)
	if err := s.testHearing(conn); err != nil {
		return false, err
	}
	s.watch.listening.Store(true)
	defer s.watch.listening.Store(false)
	s.watch.wake() // for what happened before
	for {
		switch payload, err := nextNotification(s.life, conn, checkInterval); {
		case err == nil && !strings.HasPrefix(payload, testPrefix):
			s.watch.wake()
		case err == nil:
		case errors.Is(err, context.DeadlineExceeded): // quiet: is it dead?
			if err := ask(s.life, conn.Ping); err != nil {
				return true, err
			}
		default:
			return true, err
		}
	}
}

// listeningConn takes a connection out of the pool, which may then make
// another one, and listens on it.
func (s *Store) listeningConn() (conn *pgx.Conn, err error) {
	err = ask(s.life, func(ctx context.Context) error {
		pooled, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		conn = pooled.Hijack()
		_, err = conn.Exec(ctx, "LISTEN "+s.names.channel, execMode)
		return err
	})
	if err != nil && conn != nil {
		hangUp(conn)
	}
	return conn, err
}

// testHearing sends a notification over another connection, and returns
// errDeaf if it does not arrive. That LISTEN succeeds says nothing: a
// transaction pooler takes it, and lends the session that then listens to
// others.
func (s *Store) testHearing(conn *pgx.Conn) error {
	test := testPrefix + rand.Text()
	err := ask(s.life, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, "SELECT pg_notify($1, $2)", execMode, s.names.channel, test)
		return err
	})
	if err != nil {
		return err
	}
	err = ask(s.life, func(ctx context.Context) error {
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil || n != nil && n.Payload == test {
				return err
			}
		}
	})
	if err == nil || s.life.Err() != nil || conn.IsClosed() {
		return err
	}
	// The session that does listen would gather what nobody fetches. With any
	// luck it is the one that gets this.
	_ = ask(s.life, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "UNLISTEN "+s.names.channel, execMode)
		return err
	})
	return errDeaf
}

// nextNotification returns the payload of the next notification.
func nextNotification(ctx context.Context, conn *pgx.Conn, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return n.Payload, nil
}

// hangUp closes a connection and returns when nothing of it is left.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.PgConn().CleanupDone()
}

// ask gives do a bounded time.
func ask(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return do(ctx)
}
