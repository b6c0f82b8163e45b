package revocation_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/proof/internal/network"
)

// A disaster takes a backend back to what it was before, under the address
// that it had.
type disaster struct {
	backend
	keep func(tb testing.TB) // what is there now is what will be there again
	lose func(tb testing.TB) // the servers go down; nil: the disaster is a write like others
	back func(tb testing.TB) // what was kept is there again
}

var disasters = []struct {
	name   string
	start  func(tb testing.TB) *disaster
	unseen bool // which way the short form plays it
}{
	{"sqlite, online restore", restoreSQLite, false},
	{"postgres, cold copy", restorePostgres, false},
	{"postgres, failover without the tail", failOverPostgres, true},
	{"etcd, snapshot", restoreEtcd, true},
}

// restoreSQLite restores into the live database, by SQLite's online backup:
// for the processes that have it open this is a transaction of somebody else.
// To replace the file under them is no way: they would go on with the old one.
func restoreSQLite(tb testing.TB) *disaster {
	d := &disaster{backend: startSQLite(tb)}
	file := filepath.Join(tb.TempDir(), "backup.db")
	d.keep = func(tb testing.TB) {
		withSQLite(tb, d.file, func(c sqliteConn) (*sqlite.Backup, error) { return c.NewBackup(file) })
	}
	d.back = func(tb testing.TB) {
		withSQLite(tb, d.file, func(c sqliteConn) (*sqlite.Backup, error) { return c.NewRestore(file) })
	}
	return d
}

// sqliteConn is what the driver's connections have besides what database/sql
// asks for.
type sqliteConn interface {
	NewBackup(to string) (*sqlite.Backup, error)
	NewRestore(from string) (*sqlite.Backup, error)
}

// withSQLite copies all pages as begin says.
func withSQLite(tb testing.TB, file string, begin func(sqliteConn) (*sqlite.Backup, error)) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	require.NoError(tb, err)
	defer db.Close()
	conn, err := db.Conn(context.Background())
	require.NoError(tb, err)
	defer conn.Close()
	require.NoError(tb, conn.Raw(func(driverConn any) error {
		pages, err := begin(driverConn.(sqliteConn))
		if err != nil {
			return err
		}
		more, err := pages.Step(-1)
		require.NoError(tb, err)
		require.False(tb, more)
		return pages.Finish()
	}))
}

func restorePostgres(tb testing.TB) *disaster {
	cluster := testpostgres.Start(tb)
	copied := filepath.Join(tb.TempDir(), "copy")
	return &disaster{
		backend: onPostgres(cluster, cluster.CreateDatabase(tb)),
		keep: func(tb testing.TB) {
			cluster.Stop(tb)
			cluster.CopyData(tb, copied)
			cluster.Start(tb)
		},
		lose: cluster.Kill,
		back: func(tb testing.TB) {
			cluster.RestoreData(tb, copied)
			cluster.Start(tb)
		},
	}
}

// failOverPostgres loses what the primary had acknowledged and not yet
// replicated, as asynchronous replication may.
func failOverPostgres(tb testing.TB) *disaster {
	primary := testpostgres.Start(tb)
	database := primary.CreateDatabase(tb)
	standby := primary.Standby(tb)
	var routes []*network.Route
	d := &disaster{backend: onPostgres(primary, database)}
	toPrimary := d.route
	d.route = func(tb testing.TB) (*network.Route, string) {
		way, at := toPrimary(tb)
		routes = append(routes, way)
		return way, at
	}
	d.keep = func(tb testing.TB) {
		standby.AwaitReplay(tb, primary)
		standby.StopStreaming(tb)
	}
	d.lose = primary.Kill
	d.back = func(tb testing.TB) {
		standby.Promote(tb)
		d.direct = standby.URL(database)
		for _, way := range routes {
			require.NoError(tb, way.Redirect(standby.Addr()))
		}
	}
	return d
}

func restoreEtcd(tb testing.TB) *disaster {
	cluster := testetcd.Start(tb, 3)
	snapshot := filepath.Join(tb.TempDir(), "snapshot")
	return &disaster{
		backend: onEtcd(cluster),
		keep:    func(tb testing.TB) { cluster.Snapshot(tb, snapshot) },
		lose:    cluster.Stop,
		back:    func(tb testing.TB) { cluster.Restore(tb, snapshot) },
	}
}
