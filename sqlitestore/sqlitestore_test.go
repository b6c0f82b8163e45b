package sqlitestore_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		if err := runWriter(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func TestStoreOfAFile(t *testing.T) {
	runSuite(t, func(t testing.TB, path string) store.Store {
		s, err := sqlitestore.Open(t.Context(), path, nil)
		require.NoError(t, err)
		return s
	})
}

func TestStoreOfACallersDatabase(t *testing.T) {
	runSuite(t, func(t testing.TB, path string) store.Store {
		s, err := sqlitestore.New(t.Context(), openDB(t, path, "NORMAL"), nil)
		require.NoError(t, err)
		return s
	})
}

func TestStoreOfASingleConnection(t *testing.T) {
	runSuite(t, func(t testing.TB, path string) store.Store {
		db := openDB(t, path, "FULL")
		db.SetMaxOpenConns(1)
		s, err := sqlitestore.New(t.Context(), db, nil)
		require.NoError(t, err)
		return s
	})
}

// runSuite tests the stores that open makes of the file at a path.
func runSuite(t *testing.T, open func(t testing.TB, path string) store.Store) {
	paths := make(map[store.Store]string)
	openAt := func(t testing.TB, path string) store.Store {
		s := open(t, path)
		paths[s] = path
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open:         func(t testing.TB) store.Store { return openAt(t, newPath(t)) },
		SecondHandle: func(t testing.TB, s store.Store) store.Store { return openAt(t, paths[s]) },
		TrimFeed: func(t testing.TB, s store.Store) {
			require.NoError(t, s.(*sqlitestore.Store).TrimFeed(t.Context()))
		},
		Backup: func(t testing.TB, s store.Store) func() store.Store {
			backup := newPath(t)
			vacuumInto(t, paths[s], backup)
			return func() store.Store { return openAt(t, backup) }
		},
		Without: map[storetest.Hook]string{
			storetest.Waiter: "SQLite tells no other process of a write: the feed is polled",
		},
	})
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "tokens.db") }

// openStore returns a store that is closed with the test.
func openStore(t testing.TB, path string, opts *sqlitestore.Options) *sqlitestore.Store {
	s, err := sqlitestore.Open(t.Context(), path, opts)
	require.NoError(t, err)
	closeLater(t, s)
	return s
}

// newStore returns a store that is closed with the test.
func newStore(t testing.TB, db *sql.DB, opts *sqlitestore.Options) *sqlitestore.Store {
	s, err := sqlitestore.New(t.Context(), db, opts)
	require.NoError(t, err)
	closeLater(t, s)
	return s
}

func closeLater(t testing.TB, s store.Store) {
	t.Cleanup(func() { require.NoError(t, s.Close()) })
}

// openDB opens the file as a caller of New would.
func openDB(t testing.TB, path, synchronous string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=10000&_journal_mode=WAL&_synchronous="+synchronous)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func vacuumInto(t testing.TB, path, backup string) {
	db := openDB(t, path, "FULL")
	_, err := db.ExecContext(t.Context(), `VACUUM INTO ?`, backup)
	require.NoError(t, err)
}

func newRecord(name string) store.Record {
	return store.Record{ID: uuid.New(), Registry: "registry", Name: name, Data: make([]byte, 400)}
}

// create returns the record of this name as it stands, newly made.
func create(t testing.TB, s store.Store, name string) store.Record {
	r := newRecord(name)
	var err error
	r.Rev, err = s.Put(t.Context(), r)
	require.NoError(t, err)
	return r
}

// requireStands checks that the record is as it was, and can be written.
func requireStands(t testing.TB, s store.Store, r store.Record) {
	got, err := s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Put(t.Context(), r)
	require.NoError(t, err)
}
