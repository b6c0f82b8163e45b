package etcdstore_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// drain returns all changes after the cursor, read in batches of limit.
func drain(t *testing.T, s store.Store, after store.Cursor, limit int) []store.Change {
	t.Helper()
	all := []store.Change{}
	for {
		batch, err := s.Changes(t.Context(), after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(batch.Changes), limit)
		all = append(all, batch.Changes...)
		after = batch.Next
		if batch.CaughtUp {
			return all
		}
		require.NotEmpty(t, batch.Changes)
	}
}

// A few changes are read one by one, and many by a watch.
func TestFeedOfAnyLength(t *testing.T) {
	s := open(t, newPrefix(), cluster.Endpoints()...)
	other := newClient(t, cluster.Endpoints()[0])
	start := head(t, s)
	var want []store.Change
	for i := range 40 {
		r := put(t, s, newRecord(fmt.Sprint("name-", i)))
		want = append(want, store.Change{Rev: r.Rev, ID: r.ID})
		_, err := other.Put(t.Context(), "other/"+newPrefix(), "") // revisions that are not ours
		require.NoError(t, err)
		require.Equal(t, want, drain(t, s, start, math.MaxInt))
	}
	for _, limit := range []int{1, 7, len(want) - 1, len(want), len(want) + 1} {
		require.Equal(t, want, drain(t, s, start, limit), "with limit %d", limit)
	}
}

// History that nobody needs may go: the writes of others were compacted, and
// the head that the cursor stands at still stood at the compaction.
func TestCompactionOfOthersWrites(t *testing.T) {
	s := open(t, newPrefix(), cluster.Endpoints()...)
	other := newClient(t, cluster.Endpoints()[0])
	put(t, s, newRecord("before"))
	cursor := head(t, s)
	for range 20 { // more than are gone through one by one
		_, err := other.Put(t.Context(), "other/"+newPrefix(), "")
		require.NoError(t, err)
	}
	compact(t, other)
	require.Empty(t, drain(t, s, cursor, 10))
	r := put(t, s, newRecord("after"))
	require.Equal(t, []store.Change{{Rev: r.Rev, ID: r.ID}}, drain(t, s, cursor, 10))
}

func TestCompactionInALongFeed(t *testing.T) {
	s := open(t, newPrefix(), cluster.Endpoints()...)
	other := newClient(t, cluster.Endpoints()[0])
	const n, compacted = 50, 25
	cursors := []store.Cursor{head(t, s)}
	var want []store.Change
	for i := range n {
		r := put(t, s, newRecord(fmt.Sprint("name-", i)))
		want = append(want, store.Change{Rev: r.Rev, ID: r.ID})
		cursors = append(cursors, head(t, s))
		if i+1 == compacted {
			compact(t, other)
		}
	}
	for i, cursor := range cursors {
		if i < compacted {
			_, err := s.Changes(t.Context(), cursor, 10)
			require.ErrorIs(t, err, store.ErrCursorExpired, "after %d writes", i)
		} else {
			require.Equal(t, want[i:], drain(t, s, cursor, 10), "after %d writes", i)
		}
	}
}

// An operator deletes everything: caches must drop what they hold, and the
// store goes on.
func TestAllKeysDeleted(t *testing.T) {
	prefix := newPrefix()
	s := open(t, prefix, cluster.Endpoints()...)
	r := newRecord("name")
	cursors := []store.Cursor{head(t, s)}
	for i := range 20 {
		put(t, s, newRecord(fmt.Sprint("name-", i)))
	}
	cursors = append(cursors, head(t, s))
	wantExpired := func() {
		t.Helper()
		for _, cursor := range cursors {
			_, err := s.Changes(t.Context(), cursor, 10)
			require.ErrorIs(t, err, store.ErrCursorExpired)
		}
	}
	_, err := newClient(t, cluster.Endpoints()[0]).Delete(t.Context(), prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	wantExpired()
	cursor := head(t, s)
	wantExpired()
	r = put(t, s, r)
	wantExpired()
	require.Equal(t, []store.Change{{Rev: r.Rev, ID: r.ID}}, drain(t, s, cursor, 10))
}
