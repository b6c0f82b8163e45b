package etcdstore_test

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
)

// cluster is shared by the tests that do it no harm, each with a prefix of its
// own.
var cluster *testetcd.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	// Elections are for tests that kill: a busy machine is to bring about none.
	cluster, err = testetcd.New(3, "--heartbeat-interval", "250", "--election-timeout", "2500")
	switch {
	case errors.Is(err, testetcd.ErrNotInstalled) && os.Getenv("CI") != "true":
		fmt.Println("SKIP: nothing can be tested:", err)
		return 0
	case err != nil:
		fmt.Println(err)
		return 1
	}
	defer func() {
		if err := errors.Join(cluster.Close(), goleak.Find()); err != nil {
			fmt.Println(err)
			code = 1
		}
	}()
	return m.Run()
}

var prefixes atomic.Int64

// newPrefix returns a prefix that no other test uses.
func newPrefix() string { return fmt.Sprintf("test-%d/", prefixes.Add(1)) }

// open returns a store of its own client, closed at the end of the test.
func open(tb testing.TB, prefix string, endpoints ...string) *etcdstore.Store {
	tb.Helper()
	s, err := etcdstore.Open(tb.Context(), clientv3.Config{Endpoints: endpoints}, &etcdstore.Options{Prefix: prefix})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// newClient returns a client, closed at the end of the test.
func newClient(tb testing.TB, endpoints ...string) *clientv3.Client {
	tb.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// compact lets the cluster forget all history but what stands.
func compact(tb testing.TB, client *clientv3.Client) {
	tb.Helper()
	now, err := client.Get(tb.Context(), "any key")
	require.NoError(tb, err)
	_, err = client.Compact(tb.Context(), now.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(tb, err)
}

// newRecord returns a record to create.
func newRecord(name string) store.Record {
	return store.Record{ID: uuid.New(), Registry: "registry", Name: name, Data: []byte("the data of " + name)}
}

// put writes r and returns it as it now stands.
func put(tb testing.TB, s store.Store, r store.Record) store.Record {
	tb.Helper()
	rev, err := s.Put(tb.Context(), r)
	require.NoError(tb, err)
	r.Rev = rev
	return r
}

func head(tb testing.TB, s store.Store) store.Cursor {
	tb.Helper()
	cursor, err := s.Head(tb.Context())
	require.NoError(tb, err)
	return cursor
}
