package etcdstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
)

// awake returns what Wait does, once it does.
func awake(ctx context.Context, s *etcdstore.Store, after store.Cursor) <-chan error {
	result := make(chan error, 1)
	go func() { result <- s.Wait(ctx, after) }()
	return result
}

// Whichever node the watch hangs on, its death is not the end of it.
func TestWatchIsFoundAgain(t *testing.T) {
	cluster := testetcd.Start(t, 3)
	prefix := newPrefix()
	s := open(t, prefix, cluster.Endpoints()...)
	r := put(t, s, newRecord("name"))
	for i, endpoint := range cluster.Endpoints() {
		writer := open(t, prefix, cluster.Endpoints()[(i+1)%3])
		before := head(t, s)
		waiting := awake(t.Context(), s, before)
		cluster.Kill(t, i)
		r = put(t, writer, r)
		require.NoError(t, <-waiting, "node %s was killed", endpoint)

		cluster.Start(t, i)
		waiting = awake(t.Context(), s, head(t, s))
		r = put(t, writer, r)
		require.NoError(t, <-waiting, "node %s is back", endpoint)
	}
}

// The one node there is goes away, and comes back with older data.
func TestWaitAcrossARestore(t *testing.T) {
	cluster := testetcd.Start(t, 1)
	s := open(t, newPrefix(), cluster.Endpoints()...)
	r := put(t, s, newRecord("name"))
	waiting := awake(t.Context(), s, head(t, s))
	file := t.TempDir() + "/snapshot"
	cluster.Snapshot(t, file)
	at := r.Rev
	for range 3 {
		r = put(t, s, r)
	}
	require.NoError(t, <-waiting)
	lost := head(t, s)

	cluster.Restore(t, file)
	_, err := s.Changes(t.Context(), lost, 10)
	require.ErrorIs(t, err, store.ErrCursorExpired)
	restored, err := s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, at, restored.Rev)
	waiting = awake(t.Context(), s, head(t, s))
	put(t, s, restored)
	require.NoError(t, <-waiting)
}

func TestNothingOutlivesClose(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	s := open(t, newPrefix(), cluster.Endpoints()...)
	waiting := awake(t.Context(), s, head(t, s))
	put(t, s, newRecord("name"))
	require.NoError(t, <-waiting)
	waiting = awake(t.Context(), s, head(t, s))
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-waiting, store.ErrClosed)
	goleak.VerifyNone(t, ignore)
}

// A caller may close its own client first.
func TestCloseAfterTheClient(t *testing.T) {
	client := newClient(t, cluster.Endpoints()...)
	s, err := etcdstore.New(t.Context(), client, &etcdstore.Options{Prefix: newPrefix()})
	require.NoError(t, err)
	cursor := head(t, s)
	waiting := awake(t.Context(), s, cursor)
	require.NoError(t, client.Close())
	_, err = s.Head(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Put(t.Context(), newRecord("name"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Changes(t.Context(), cursor, 1)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NoError(t, s.Close())
	if err := <-waiting; err != nil {
		require.ErrorIs(t, err, store.ErrClosed)
	}
}
