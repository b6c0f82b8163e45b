package kill_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/target"
)

// The files of a database: SQLite appends these to its name.
const (
	wal = "-wal" // the log
	shm = "-shm" // an index of the log, shared by the processes
)

// TestCopySQLite copies the files of a database while the process of several
// writers stands still, kills it, and looks at the copy and at the original.
func TestCopySQLite(t *testing.T) {
	random := newRandom(t)
	for range rounds(1) {
		name := onSQLite.fresh(t)
		before := onSQLite.look(t, name)
		process := startWriting(t, frontend.Config{Target: name}, random)
		process.awaitProgress(t, 1+random.Int64N(50))
		time.Sleep(upTo(random, 10*time.Millisecond))
		require.NoError(t, process.Signal(syscall.SIGSTOP))
		require.NoError(t, process.AwaitStop())
		suffixes := []string{"", wal, shm}[:2+random.IntN(2)]
		copied := copyDatabase(t, path(name), suffixes...)
		process.kill(t)
		onSQLite.verify(t, target.SQLite(copied), process.ledger, before)
		onSQLite.verify(t, name, process.ledger, nil) // the same again
	}
}

// path returns the file of a target.
func path(name string) string { return strings.TrimPrefix(name, target.SQLite("")) }

// copyDatabase copies those of the files that there are to a new folder.
func copyDatabase(t *testing.T, from string, suffixes ...string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range suffixes {
		content, err := os.ReadFile(from + suffix)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+suffix, content, fs.FileMode(0o600)))
	}
	return to
}

// TestCopyPostgres kills the server, and opens a copy of its data by another.
func TestCopyPostgres(t *testing.T) {
	random := newRandom(t)
	server := theServer(t)
	other := testpostgres.Start(t)
	for range rounds(20) {
		database := server.CreateDatabase(t)
		name := server.URL(database)
		before := onPostgres.look(t, name)
		process := startWriting(t, frontend.Config{Target: name}, random)
		process.awaitProgress(t, 1+random.Int64N(50))
		server.Kill(t)
		process.kill(t)
		folder := filepath.Join(t.TempDir(), "data")
		server.CopyData(t, folder)
		server.Start(t)
		other.Kill(t)
		other.RestoreData(t, folder)
		other.Start(t)
		onPostgres.verify(t, server.URLVia(other.Addr(), database), process.ledger, before)
		onPostgres.verify(t, name, process.ledger, nil)
	}
}
