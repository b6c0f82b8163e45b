package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

// patience ends a test that would never end.
const patience = time.Minute

// waitFor lets a goroutine wait for changes after the cursor, and returns
// where its error will arrive.
func waitFor(ctx context.Context, s *pgstore.Store, after store.Cursor) <-chan error {
	result := make(chan error, 1)
	go func() { result <- s.Wait(ctx, after) }()
	return result
}

// listening returns a store that hears of writes.
func listening(t *testing.T, connString string) *pgstore.Store {
	t.Helper()
	s := open(t, connString, nil)
	require.False(t, s.Listening())
	require.NoError(t, s.Wait(t.Context(), "no cursor"), "there may be changes after it")
	require.Eventually(t, s.Listening, patience, time.Millisecond)
	return s
}

func TestNotificationsWake(t *testing.T) {
	url := cluster.URL(cluster.CreateDatabase(t))
	s, writer := listening(t, url), open(t, url, nil)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 5 {
		// While it listens nothing but a notification wakes it.
		one, other := waitFor(ctx, s, head(t, s)), waitFor(ctx, s, head(t, s))
		create(t, writer, i)
		require.NoError(t, <-one)
		require.NoError(t, <-other)
	}
	quiet := waitFor(ctx, s, head(t, s))
	cancel()
	require.ErrorIs(t, <-quiet, context.Canceled)
	require.True(t, s.Listening())

	quiet = waitFor(t.Context(), s, head(t, s))
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-quiet, store.ErrClosed)
	require.False(t, s.Listening())
}

// Of writes in quick succession not each sends a notification, but one follows
// the last.
func TestNotificationsAreSpacedOut(t *testing.T) {
	database := cluster.CreateDatabase(t)
	writer := open(t, cluster.URL(database), nil)
	listener, err := pgx.Connect(t.Context(), cluster.URL(database))
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close(context.Background())) }()
	_, err = listener.Exec(t.Context(), "LISTEN "+pgstore.Channel(writer))
	require.NoError(t, err)
	next := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		n, err := listener.WaitForNotification(ctx)
		require.NoError(t, err)
		return n.Payload
	}

	create(t, writer, 0)
	require.Equal(t, string(head(t, writer)), next(), "of one alone, with it")
	begin := time.Now()
	for i := range 100 {
		create(t, writer, 1+i)
	}
	last, told := string(head(t, writer)), 1
	for next() != last {
		told++
	}
	require.LessOrEqual(t, told, 2+int(time.Since(begin)/(20*time.Millisecond)))

	create(t, writer, 200) // one that is to be told of later, but for the end
	create(t, writer, 201)
	require.NoError(t, writer.Close())
}

func TestListeningComesBack(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s, writer := listening(t, cluster.URL(database)), open(t, cluster.URL(database), nil)
	after := head(t, s)
	waiting := waitFor(t.Context(), s, after)
	cluster.SQL(t, "", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = '"+database+"'")
	create(t, writer, 1)
	require.NoError(t, <-waiting, "it does without notifications meanwhile")
	require.Eventually(t, s.Listening, patience, time.Millisecond)
	waiting = waitFor(t.Context(), s, head(t, s))
	create(t, writer, 2)
	require.NoError(t, <-waiting)
}

// Behind a transaction pooler LISTEN succeeds, and that is all.
func TestDeafBehindPgBouncer(t *testing.T) {
	url := viaPgBouncer(t)(cluster.CreateDatabase(t))
	s, writer := open(t, url, nil), open(t, url, nil)
	heard, err := pgstore.Listen(s)
	require.ErrorIs(t, err, pgstore.ErrDeaf)
	require.False(t, heard)

	for i := range 2 {
		waiting := waitFor(t.Context(), s, head(t, s))
		create(t, writer, i)
		require.NoError(t, <-waiting)
		require.False(t, s.Listening())
	}
}

// A pool of one connection is enough for waiting and writing.
func TestWaitTakesNoPlaceInThePool(t *testing.T) {
	s := listening(t, cluster.URL(cluster.CreateDatabase(t))+"&pool_max_conns=1")
	waiting := waitFor(t.Context(), s, head(t, s))
	create(t, s, 1)
	require.NoError(t, <-waiting)
}
