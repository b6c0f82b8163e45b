package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

// A cutter is a way to the cluster that loses answers.
type cutter struct {
	// cutAt: a connection that asks the server for something with this text
	// in it ends when the server answers, and the answer is lost.
	cutAt    atomic.Pointer[string]
	listener net.Listener
}

// newCutter starts a cutter, which ends with the test. Close what uses it
// before.
func newCutter(tb testing.TB) *cutter {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	c := &cutter{listener: listener}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { c.serve(client) })
		}
	})
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		all.Wait()
	})
	return c
}

func (c *cutter) url(database string) string {
	return cluster.URLVia(c.listener.Addr().String(), database)
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", cluster.Addr())
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	var requests sync.WaitGroup
	defer requests.Wait()
	requests.Go(func() {
		defer server.Close()
		pass(server, client, func(request []byte) bool {
			if text := c.cutAt.Load(); text != nil && bytes.Contains(request, []byte(*text)) {
				cut.Store(true)
			}
			return true
		})
	})
	defer client.Close()
	pass(client, server, func([]byte) bool { return !cut.Load() })
}

// pass passes on what comes from a connection as long as it may.
func pass(to, from net.Conn, may func([]byte) bool) {
	message := make([]byte, 1<<16)
	for {
		n, err := from.Read(message)
		if err != nil || !may(message[:n]) {
			return
		}
		if _, err := to.Write(message[:n]); err != nil {
			return
		}
	}
}

func TestLostAcknowledgement(t *testing.T) {
	ctx := t.Context()
	c := newCutter(t)
	database := cluster.CreateDatabase(t)
	direct := open(t, cluster.URL(database), nil)
	s := open(t, c.url(database), nil)
	created := create(t, s, 1)

	cutAt := func(text string, call func() error) error {
		c.cutAt.Store(&text)
		defer c.cutAt.Store(nil)
		return call()
	}
	lose := func(text string, write func() error) {
		t.Helper()
		err := cutAt(text, write)
		require.ErrorIs(t, err, store.ErrUnknown)
		require.NotErrorIs(t, err, store.ErrUnavailable)
	}
	lose("write_one(", func() error { _, err := s.Put(ctx, newRecord(2)); return err })
	found, err := direct.Get(ctx, newRecord(2).ID)
	require.NoError(t, err, "the server had committed before it answered")
	lose("write_one(", func() error { _, err := s.Put(ctx, found); return err })
	lose("write_one(", func() error { _, err := s.Delete(ctx, created.ID, created.Rev); return err })
	_, err = direct.Get(ctx, created.ID)
	require.ErrorIs(t, err, store.ErrNotFound)

	err = cutAt("by_id(", func() error { _, err := s.Get(ctx, found.ID); return err })
	require.ErrorIs(t, err, store.ErrUnavailable)
	got, err := s.Get(ctx, found.ID)
	require.NoError(t, err)
	require.Equal(t, found.Rev+1, got.Rev, "replaced by the write that was not acknowledged")
}

// lockHead keeps all writes to a database waiting, until unlock.
func lockHead(t *testing.T, database string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), cluster.URL(database))
	require.NoError(t, err)
	_, err = conn.Exec(context.Background(), "BEGIN; SELECT FROM regtoken.head FOR UPDATE")
	require.NoError(t, err)
	unlock = sync.OnceFunc(func() { require.NoError(t, conn.Close(context.Background())) })
	t.Cleanup(unlock)
	return unlock
}

// awaitBlocked returns when n sessions of a database wait for a lock.
func awaitBlocked(t *testing.T, database string, n int) {
	t.Helper()
	query := fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' AND wait_event_type = 'Lock'", database)
	require.Eventually(t, func() bool { return cluster.SQL(t, "", query) == fmt.Sprint(n) }, time.Minute, 10*time.Millisecond)
}

// blocked starts a write that waits for a lock, and returns where its error
// will arrive.
func blocked(ctx context.Context, t *testing.T, s *pgstore.Store, database string) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		_, err := s.Put(ctx, newRecord(1))
		result <- err
	}()
	awaitBlocked(t, database, 1)
	return result
}

func TestWriteCutOff(t *testing.T) {
	signal := func(function, database string) {
		cluster.SQL(t, "", "SELECT "+function+"(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '"+database+"'")
	}
	for _, test := range []struct {
		name string
		cut  func(t *testing.T, s *pgstore.Store, database string, cancel context.CancelFunc)
		want []error
		not  error
	}{
		{"ctx ends", func(_ *testing.T, _ *pgstore.Store, _ string, cancel context.CancelFunc) { cancel() },
			[]error{store.ErrUnknown, context.Canceled}, store.ErrUnavailable},
		{"Close", func(t *testing.T, s *pgstore.Store, _ string, _ context.CancelFunc) { require.NoError(t, s.Close()) },
			[]error{store.ErrUnknown, store.ErrClosed}, store.ErrUnavailable},
		{"the backend is terminated", func(_ *testing.T, _ *pgstore.Store, database string, _ context.CancelFunc) {
			signal("pg_terminate_backend", database)
		}, []error{store.ErrUnknown}, store.ErrUnavailable},
		{"the statement is cancelled", func(_ *testing.T, _ *pgstore.Store, database string, _ context.CancelFunc) {
			signal("pg_cancel_backend", database)
		}, []error{store.ErrUnavailable}, store.ErrUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			s := open(t, cluster.URL(database), nil)
			unlock := lockHead(t, database)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := blocked(ctx, t, s, database)
			test.cut(t, s, database, cancel)
			err := <-result
			for _, want := range test.want {
				require.ErrorIs(t, err, want)
			}
			require.NotErrorIs(t, err, test.not)
			unlock()
		})
	}
}

func TestRefusedWrites(t *testing.T) {
	for name, setting := range map[string]string{
		"read-only (25006)":    "default_transaction_read_only=on",
		"lock timeout (55P03)": "lock_timeout=50",
	} {
		t.Run(name, func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			s := open(t, cluster.URL(database), nil)
			r := create(t, s, 0)
			start := head(t, s)
			defer lockHead(t, database)()
			limited := open(t, cluster.URL(database)+"&"+setting, nil)
			_, err := limited.Put(t.Context(), newRecord(1))
			require.ErrorIs(t, err, store.ErrUnavailable)
			_, err = limited.Delete(t.Context(), r.ID, r.Rev)
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.NotErrorIs(t, err, store.ErrUnknown)
			require.Equal(t, start, head(t, s))
		})
	}
}

// A context that ends while a call waits for a connection has sent nothing.
func TestContextEndsInTheQueue(t *testing.T) {
	pool := newPool(t, cluster.URL(cluster.CreateDatabase(t))+"&pool_max_conns=1")
	s, err := pgstore.New(t.Context(), pool, nil)
	require.NoError(t, err)
	defer s.Close()
	busy, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer busy.Release()
	for name, call := range map[string]func(ctx context.Context) error{
		"write": func(ctx context.Context) error { _, err := s.Put(ctx, newRecord(1)); return err },
		"read":  func(ctx context.Context) error { _, err := s.Get(ctx, newRecord(1).ID); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := call(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, store.ErrUnknown)
		})
	}
	t.Run("Close", func(t *testing.T) {
		result := make(chan error, 1)
		go func() {
			_, err := s.Put(context.Background(), newRecord(1))
			result <- err
		}()
		require.NoError(t, s.Close())
		err := <-result
		require.ErrorIs(t, err, store.ErrClosed)
		require.NotErrorIs(t, err, store.ErrUnknown)
	})
}

// Close leaves the caller's pool as it was.
func TestCloseKeepsTheCallersPool(t *testing.T) {
	pool := newPool(t, cluster.URL(cluster.CreateDatabase(t)))
	s, err := pgstore.New(t.Context(), pool, nil)
	require.NoError(t, err)
	require.NoError(t, s.Wait(t.Context(), "no cursor"))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.NoError(t, pool.Ping(t.Context()))
	require.Zero(t, pool.Stat().AcquiredConns())
}

// Sessions are terminated all the time while others write. What was
// acknowledged is there, what was refused is not, and of the rest the feed
// tells.
func TestTerminatedWhileWriting(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	start := head(t, s)
	const writers, writes = 3, 40
	var acknowledged, refused sync.Map // by ID
	var running atomic.Int32
	running.Store(writers)
	var all sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		all.Go(func() {
			defer running.Add(-1)
			for i := range writes {
				r := newRecord(w*writes + i)
				switch rev, err := s.Put(context.Background(), r); {
				case err == nil:
					acknowledged.Store(r.ID, rev)
				case errors.Is(err, store.ErrUnavailable):
					refused.Store(r.ID, err)
				case !errors.Is(err, store.ErrUnknown):
					errs[w] = err
				}
			}
		})
	}
	for running.Load() > 0 {
		cluster.SQL(t, "", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+database+"'")
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))

	direct := open(t, cluster.URL(database), nil)
	batch, err := direct.Changes(t.Context(), start, writers*writes)
	require.NoError(t, err)
	for i, c := range batch.Changes {
		require.EqualValues(t, i+1, c.Rev)
		if rev, ok := acknowledged.LoadAndDelete(c.ID); ok {
			require.Equal(t, c.Rev, rev)
		}
		reason, ok := refused.Load(c.ID)
		require.False(t, ok, "it was written, and said to be unavailable: %v", reason)
	}
	acknowledged.Range(func(_, rev any) bool {
		t.Errorf("revision %d was acknowledged and is not in the feed", rev)
		return true
	})
}

// Whatever a session is set to, a write is on disk before it is acknowledged;
// what is stricter than that stays.
func TestSynchronousCommit(t *testing.T) {
	for setting, want := range map[string]string{
		"off": "on", "local": "local", "remote_write": "remote_write", "on": "on", "remote_apply": "remote_apply",
	} {
		t.Run(setting, func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			open(t, cluster.URL(database), nil)
			for _, write := range []string{
				`SELECT revision FROM regtoken.write_all(ARRAY[gen_random_uuid()], '{""}', '{"name"}', '{NULL}', '{""}', '{0}', 1)`,
				`SELECT regtoken.write_one(gen_random_uuid(), '', 'another', NULL, '', 0, 1, true) - 1`,
			} {
				got := cluster.SQL(t, database, `SET synchronous_commit = `+setting+`; BEGIN; `+write+`;
					SHOW synchronous_commit; COMMIT; SHOW synchronous_commit`)
				require.Equal(t, "1\n"+want+"\n"+setting, got)
			}
		})
	}
}
