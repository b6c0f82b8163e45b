package etcdstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/store"
)

// What a store remembers of a record is as good as what stands, also when
// others have changed it meanwhile.
func TestRecordsChangedByOthers(t *testing.T) {
	prefix := newPrefix()
	s, other := open(t, prefix, cluster.Endpoints()...), open(t, prefix, cluster.Endpoints()...)
	require.Zero(t, etcdstore.Remembered(s))
	r := newRecord("name")
	r.ExpiresAt = store.MinTime
	r = put(t, s, r)
	require.Equal(t, 1, etcdstore.Remembered(s))
	refuses := func(r store.Record, want error) {
		t.Helper()
		_, err := s.Put(t.Context(), r)
		require.ErrorIs(t, err, want)
		_, err = s.Delete(t.Context(), r.ID, r.Rev)
		require.ErrorIs(t, err, want)
	}

	moved := r
	moved.ExpiresAt = store.MaxTime
	moved = put(t, other, moved)
	refuses(r, store.ErrConflict)
	renamed := r
	renamed.Name = "renamed"
	_, err := s.Put(t.Context(), renamed)
	require.ErrorIs(t, err, store.ErrConflict)
	got, err := s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, moved, got)

	// The expiry that was remembered is no longer in the index.
	moved.ExpiresAt = time.UnixMilli(1).UTC()
	moved = put(t, s, moved)
	expired, err := s.Expired(t.Context(), store.MaxTime, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Record{moved}, expired)

	_, err = other.Delete(t.Context(), moved.ID, moved.Rev)
	require.NoError(t, err)
	refuses(moved, store.ErrNotFound)
	_, err = s.Get(t.Context(), r.ID)
	require.ErrorIs(t, err, store.ErrNotFound)

	again := r
	again.Name, again.Rev = "another", 0
	again = put(t, other, again)
	got, err = s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, again, got)
	_, err = s.Delete(t.Context(), again.ID, again.Rev)
	require.NoError(t, err)
	expired, err = other.Expired(t.Context(), store.MaxTime, 10)
	require.NoError(t, err)
	require.Empty(t, expired)
}

// Where etcd was restored from an older copy, revisions are used again: a store
// may remember another record at the revision that a sweeper, or a change, reads
// now. What was just read counts.
func TestRecordsOfAnotherTime(t *testing.T) {
	for name, read := range map[string]func(*etcdstore.Store, store.Record) (store.Record, error){
		"Expired": func(s *etcdstore.Store, _ store.Record) (store.Record, error) {
			records, err := s.Expired(t.Context(), store.MaxTime, 10)
			return records[0], err
		},
		"Get": func(s *etcdstore.Store, r store.Record) (store.Record, error) { return s.Get(t.Context(), r.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			prefix := newPrefix()
			s := open(t, prefix, cluster.Endpoints()...)
			r := newRecord("name")
			r.ExpiresAt = store.MinTime
			r = put(t, s, r)
			before := r
			before.ExpiresAt = store.MaxTime
			etcdstore.Mistake(s, before)
			got, err := read(s, r)
			require.NoError(t, err)
			_, err = s.Delete(t.Context(), got.ID, got.Rev)
			require.NoError(t, err)
			left, err := newClient(t, cluster.Endpoints()[0]).Get(t.Context(), prefix+"@expiry/", clientv3.WithPrefix())
			require.NoError(t, err)
			require.Empty(t, left.Kvs)
		})
	}
}

// The records that are remembered are bounded in number, and the last are
// among them.
func TestRemembersSomeRecords(t *testing.T) {
	most, last := etcdstore.RememberAfter(5 * etcdstore.MaxRecent)
	require.LessOrEqual(t, most, 2*etcdstore.MaxRecent)
	require.True(t, last)
}
