package etcdstore_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

func newRecord(name string) store.Record {
	return store.Record{ID: uuid.New(), Registry: "registry", Name: name, Data: []byte("the data of " + name)}
}

var prefixes atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("test-%d/", prefixes.Add(1)) }

// connect returns a client of the cluster that ends with the test.
func connect(tb testing.TB, endpoints ...string) *clientv3.Client {
	tb.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// open returns a store under the prefix that ends with the test.
func open(tb testing.TB, prefix string, endpoints ...string) *etcdstore.Store {
	tb.Helper()
	s, err := etcdstore.Open(tb.Context(), clientv3.Config{Endpoints: endpoints}, &etcdstore.Options{Prefix: prefix})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// compact lets the cluster forget all history, as much as it ever would.
func compact(tb testing.TB, client *clientv3.Client) {
	tb.Helper()
	now, err := client.Get(tb.Context(), "any key")
	require.NoError(tb, err)
	_, err = client.Compact(tb.Context(), now.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(tb, err)
}

// A placed store knows under which prefix it is.
type placed struct {
	*etcdstore.Store
	prefix string
}

func harness(t *testing.T, open func(tb testing.TB, prefix, endpoint string) *etcdstore.Store) storetest.Harness {
	cluster := sharedCluster(t)
	endpoints := cluster.Endpoints()
	client := connect(t, endpoints...)
	return storetest.Harness{
		Open: func(tb testing.TB) store.Store {
			prefix := newPrefix()
			return placed{open(tb, prefix, endpoints[0]), prefix}
		},
		SecondHandle: func(tb testing.TB, s store.Store) store.Store {
			return open(tb, s.(placed).prefix, endpoints[1])
		},
		TrimFeed: func(tb testing.TB, _ store.Store) { compact(tb, client) },
		Backup: func(tb testing.TB, s store.Store) func() store.Store {
			file := filepath.Join(tb.TempDir(), "snapshot")
			cluster.Snapshot(tb, file)
			return func() store.Store {
				restored := testetcd.Start(tb, 1)
				restored.Restore(tb, file)
				return open(tb, s.(placed).prefix, restored.Endpoints()[0])
			}
		},
	}
}

func TestOpen(t *testing.T) {
	storetest.Run(t, harness(t, func(tb testing.TB, prefix, endpoint string) *etcdstore.Store {
		return open(tb, prefix, endpoint)
	}))
}

func TestNew(t *testing.T) {
	storetest.Run(t, harness(t, func(tb testing.TB, prefix, endpoint string) *etcdstore.Store {
		s, err := etcdstore.New(tb.Context(), connect(tb, endpoint), &etcdstore.Options{Prefix: prefix})
		require.NoError(tb, err)
		return s
	}))
}
