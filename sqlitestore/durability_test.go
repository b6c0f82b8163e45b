package sqlitestore_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

const (
	synchronousFull  = 2
	synchronousExtra = 3
)

func TestOpenWritesDurably(t *testing.T) {
	s := openStore(t, newPath(t), nil)
	r := create(t, s, "name")
	var synchronous int
	require.NoError(t, s.Writer(t.Context(), "PRAGMA synchronous", &synchronous))
	require.Equal(t, synchronousFull, synchronous)
	var journal string
	require.NoError(t, s.Writer(t.Context(), "PRAGMA journal_mode", &journal))
	require.Equal(t, "wal", journal)
	requireStands(t, s, r)
}

// A caller's pool hands out connections in whatever state others left them.
func TestNewRaisesSynchronousForEachWrite(t *testing.T) {
	for setting, want := range map[string]int{
		"NORMAL": synchronousFull, "FULL": synchronousFull, "EXTRA": synchronousExtra,
	} {
		t.Run(setting, func(t *testing.T) {
			db := openDB(t, newPath(t), setting)
			db.SetMaxOpenConns(1)
			s := newStore(t, db, nil)
			for _, name := range []string{"one", "two"} {
				mustExec(t, db, "PRAGMA synchronous = "+setting)
				create(t, s, name)
				var synchronous int
				require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous))
				require.Equal(t, want, synchronous)
			}
		})
	}
}

func TestNewRefusesSynchronousOff(t *testing.T) {
	db := openDB(t, newPath(t), "OFF")
	db.SetMaxOpenConns(1)
	_, err := sqlitestore.New(t.Context(), db, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "PRAGMA synchronous is OFF")

	mustExec(t, db, "PRAGMA synchronous = NORMAL")
	s := newStore(t, db, nil)
	r := create(t, s, "name")
	mustExec(t, db, "PRAGMA synchronous = OFF")
	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "PRAGMA synchronous is OFF")
	mustExec(t, db, "PRAGMA synchronous = NORMAL")
	requireStands(t, s, r)
}

func TestNewRefusesWhatItCannotKeepItsPromisesOn(t *testing.T) {
	for name, c := range map[string]struct{ dsn, want string }{
		"a rollback journal": {"file:" + newPath(t), "PRAGMA journal_mode is delete"},
		"no file":            {":memory:", "PRAGMA journal_mode is memory"},
		"another encoding":   {"file:" + newPath(t) + "?_pragma=encoding('UTF-16')&_journal_mode=WAL", "PRAGMA encoding is UTF-16"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("sqlite", c.dsn)
			require.NoError(t, err)
			defer db.Close()
			_, err = sqlitestore.New(t.Context(), db, nil)
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func mustExec(t testing.TB, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args ...any) {
	_, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}
