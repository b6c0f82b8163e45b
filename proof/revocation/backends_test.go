package revocation_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/proof/internal/network"
	"github.com/regtoken/regtoken/proof/internal/target"
)

// A backend is where the tokens of a campaign are kept.
type backend struct {
	direct string // the target without anything in between
	file   string // of SQLite

	// route returns a new route to it and the target at its end; a nil one
	// for a backend without a network.
	route func(tb testing.TB) (*network.Route, string)

	// health is for how many bounds a front-end has its peace, at most, from
	// one fault to the next: its driver takes its time to come back.
	health int

	// administrators is how many work at once.
	administrators int

	// trim and worse are faults of the backend itself, called from the test's
	// own goroutine. They last until they return.
	trim, worse shock
}

type shock struct {
	name   string
	strike func(tb testing.TB, bound time.Duration)
}

// backends are all there are, by name.
var backends = []struct {
	name  string
	start func(tb testing.TB) backend
}{
	{"sqlite", startSQLite},
	{"postgres", startPostgres},
	{"etcd", startEtcd},
}

func startSQLite(tb testing.TB) backend {
	file := filepath.Join(tb.TempDir(), "tokens.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return backend{
		direct:         target.SQLite(file),
		file:           file,
		route:          func(testing.TB) (*network.Route, string) { return nil, target.SQLite(file) },
		health:         2,
		administrators: 16,
		trim: shock{"trimmed feed", func(tb testing.TB, _ time.Duration) {
			_, err := db.ExecContext(context.Background(),
				"DELETE FROM regtoken_changes WHERE rev < (SELECT max(rev) FROM regtoken_changes)")
			require.NoError(tb, err)
		}},
		worse: shock{"writer that takes long", func(tb testing.TB, bound time.Duration) {
			ctx := context.Background()
			conn, err := db.Conn(ctx)
			require.NoError(tb, err)
			defer conn.Close()
			_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
			require.NoError(tb, err)
			elapse(ctx, 2*bound)
			_, err = conn.ExecContext(ctx, "ROLLBACK")
			require.NoError(tb, err)
		}},
	}
}

// manyConns lets a front-end have many connections to PostgreSQL at hand: while
// some are slow or silent, others are not.
const manyConns = "&pool_min_conns=16&pool_max_conns=16"

func startPostgres(tb testing.TB) backend {
	cluster := testpostgres.Start(tb)
	return onPostgres(cluster, cluster.CreateDatabase(tb))
}

func onPostgres(cluster *testpostgres.Cluster, database string) backend {
	return backend{
		direct: cluster.URL(database),
		route: func(tb testing.TB) (*network.Route, string) {
			r := network.New(tb, cluster.Addr())
			return r, cluster.URLVia(r.Addrs()[0], database) + manyConns
		},
		health:         8,
		administrators: 16,
		trim: shock{"trimmed feed", func(tb testing.TB, _ time.Duration) {
			cluster.SQL(tb, database, "DELETE FROM regtoken.changes WHERE rev < (SELECT rev FROM regtoken.head)")
		}},
		worse: shock{"terminated backends", func(tb testing.TB, _ time.Duration) {
			cluster.SQL(tb, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
				"WHERE datname = current_database() AND pid <> pg_backend_pid()")
		}},
	}
}

func startEtcd(tb testing.TB) backend {
	cluster := testetcd.Start(tb, 3)
	b := onEtcd(cluster)
	client, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints()})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, client.Close()) })
	b.trim = shock{"trimmed feed", func(tb testing.TB, _ time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		head, err := client.Get(ctx, etcdPrefix)
		require.NoError(tb, err)
		_, err = client.Compact(ctx, head.Header.Revision)
		if err != nil { // there was no write since the last time
			require.ErrorContains(tb, err, "compacted")
		}
	}}
	b.worse = shock{"killed leader", func(tb testing.TB, bound time.Duration) {
		leader := cluster.Leader(tb)
		cluster.Kill(tb, leader)
		elapse(context.Background(), 2*bound)
		cluster.Start(tb, leader)
	}}
	return b
}

const etcdPrefix = "/tokens/"

func onEtcd(cluster *testetcd.Cluster) backend {
	return backend{
		direct: target.Etcd(etcdPrefix, cluster.Addrs()...),
		route: func(tb testing.TB) (*network.Route, string) {
			r := network.New(tb, cluster.Addrs()...)
			return r, target.Etcd(etcdPrefix, r.Addrs()...)
		},
		health:         8,
		administrators: 6, // the feed is read change by change: let it keep up where that is slow
	}
}

// shake lets one shock follow the other until ctx ends, and counts them.
func (b backend) shake(ctx context.Context, tb testing.TB, random *rand.Rand, bound time.Duration) map[string]int {
	struck := make(map[string]int)
	for i := 0; ; i++ {
		if !elapse(ctx, bound+time.Duration(random.Int64N(int64(5*bound)))) {
			return struck
		}
		next := b.trim
		if i%5 == 4 {
			next = b.worse
		}
		next.strike(tb, bound)
		struck[next.name]++
	}
}
