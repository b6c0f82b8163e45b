package kill_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/proof/internal/network"
	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// A place is a kind of durable store.
type place struct {
	name string

	// fresh names a new, empty set of data for package target.
	fresh func(tb testing.TB) string

	// quiesce returns when nothing that dead clients had asked for can still
	// change the data.
	quiesce func(tb testing.TB, name string)
}

var (
	onSQLite   = place{"sqlite", freshSQLite, func(testing.TB, string) {}} // locks die with the process
	onPostgres = place{"postgres", freshPostgres, quiescePostgres}
	onEtcd     = place{"etcd", freshEtcd, quiesceEtcd}
)

// onServer is a set of data that can be reached in several ways.
type onServer struct {
	direct  string                      // for package target
	servers []string                    // host:port
	via     func(addrs []string) string // for package target
}

// freshOnServer is fresh for a place that has a server.
func (p place) freshOnServer(tb testing.TB) onServer {
	tb.Helper()
	if p.name == "postgres" {
		server := theServer(tb)
		database := server.CreateDatabase(tb)
		return onServer{server.URL(database), []string{server.Addr()},
			func(addrs []string) string { return server.URLVia(addrs[0], database) }}
	}
	nodes, prefix := theNodes(tb), uuid.NewString()
	return onServer{target.Etcd(prefix, nodes.Addrs()...), nodes.Addrs(),
		func(addrs []string) string { return target.Etcd(prefix, addrs...) }}
}

// route returns a new way to the data, and their name by that way.
func (s onServer) route(tb testing.TB) (r *network.Route, proxied string) {
	tb.Helper()
	r = network.New(tb, s.servers...)
	return r, s.via(r.Addrs())
}

// onEach runs a test for each place, all at once.
func onEach(t *testing.T, test func(t *testing.T, p place)) {
	onAll(t, []place{onSQLite, onPostgres, onEtcd}, test)
}

func onAll(t *testing.T, places []place, test func(t *testing.T, p place)) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// onEachServer runs a test for each place that has a server: not for SQLite,
// whose files the processes open themselves.
func onEachServer(t *testing.T, test func(t *testing.T, p place)) {
	onAll(t, []place{onPostgres, onEtcd}, test)
}

// The servers of all tests, each of which leaves them running.
var (
	postgres startOnce[*testpostgres.Cluster]
	etcd     startOnce[*testetcd.Cluster]
)

func theServer(tb testing.TB) *testpostgres.Cluster {
	tb.Helper()
	return postgres.get(tb, testpostgres.Start)
}

func theNodes(tb testing.TB) *testetcd.Cluster {
	tb.Helper()
	return etcd.get(tb, func(tb testing.TB) *testetcd.Cluster { return testetcd.Start(tb, 3) })
}

func freshSQLite(tb testing.TB) string {
	return target.SQLite(filepath.Join(tb.TempDir(), "tokens.db"))
}

func freshPostgres(tb testing.TB) string {
	c := theServer(tb)
	return c.URL(c.CreateDatabase(tb))
}

func freshEtcd(tb testing.TB) string {
	return target.Etcd(uuid.NewString(), theNodes(tb).Addrs()...)
}

// quiescePostgres waits for the end of the sessions: one that is in the midst
// of a commit does not notice that its client is gone.
func quiescePostgres(tb testing.TB, name string) {
	tb.Helper()
	u, err := url.Parse(name)
	require.NoError(tb, err)
	sessions := fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = '%s'",
		strings.TrimPrefix(u.Path, "/"))
	for theServer(tb).SQL(tb, "", sessions) != "0" {
		time.Sleep(5 * time.Millisecond)
	}
}

// quiesceEtcd writes something through each node: that waits in line behind
// what the node had taken in before.
func quiesceEtcd(tb testing.TB, _ string) {
	tb.Helper()
	for _, addr := range theNodes(tb).Addrs() {
		s, err := target.Open(tb.Context(), target.Etcd("quiesce-"+uuid.NewString(), addr))
		require.NoError(tb, err)
		_, err = s.Put(tb.Context(), store.Record{ID: uuid.New(), Name: "behind"})
		require.NoError(tb, errors.Join(err, s.Close()))
	}
}
