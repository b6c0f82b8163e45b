package sqlitestore_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// paths remembers where the stores of a suite are.
type paths map[store.Store]string

func (p paths) open(t testing.TB, path string) store.Store {
	s, err := sqlitestore.Open(t.Context(), path, nil)
	require.NoError(t, err)
	p[s] = path
	return s
}

func TestOpen(t *testing.T) {
	p := make(paths)
	suite(t, p, p.open)
}

// suite runs storetest on stores that open makes of files.
func suite(t *testing.T, p paths, open func(t testing.TB, path string) store.Store) {
	storetest.Run(t, storetest.Harness{
		Open:         func(t testing.TB) store.Store { return open(t, filepath.Join(t.TempDir(), "tokens.db")) },
		SecondHandle: func(t testing.TB, s store.Store) store.Store { return open(t, p[s]) },
		TrimFeed: func(t testing.TB, s store.Store) {
			require.NoError(t, s.(*sqlitestore.Store).TrimFeed(t.Context()))
		},
		Backup: func(t testing.TB, s store.Store) func() store.Store {
			backup := filepath.Join(t.TempDir(), "backup.db")
			db, err := sql.Open("sqlite", p[s])
			require.NoError(t, err)
			defer db.Close()
			_, err = db.ExecContext(t.Context(), `VACUUM INTO ?`, backup)
			require.NoError(t, err)
			return func() store.Store { return open(t, backup) }
		},
		Without: map[storetest.Hook]string{
			storetest.Waiter: "SQLite tells no other process of a write: the feed is polled",
		},
	})
}
