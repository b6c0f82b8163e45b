package kill_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	sqlite := places[0]
	for range rounds(1) {
		name := sqlite.fresh(t)
		before := sqlite.look(t, name)
		process := startFrontEnd(t, frontend.Config{Target: name})
		w := &writers{ledger: newLedger(), goroutines: 4, names: 4}
		var writing sync.WaitGroup
		seed := random.Uint64()
		writing.Go(func() { w.run(process, seed) })
		w.awaitProgress(t, 1+random.Int64N(50))
		time.Sleep(upTo(random, 10*time.Millisecond))
		require.NoError(t, process.Signal(syscall.SIGSTOP))
		require.NoError(t, process.AwaitStop())
		suffixes := []string{"", wal, shm}[:2+random.IntN(2)]
		copied := copyDatabase(t, path(name), suffixes...)
		require.NoError(t, process.Signal(syscall.SIGKILL))
		writing.Wait()
		process.Close()
		sqlite.verify(t, target.SQLite(copied), w.ledger, before)
		sqlite.verify(t, name, w.ledger, nil) // the same again
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
	postgres, server := places[1], theServer(t)
	other := testpostgres.Start(t)
	for range rounds(20) {
		database := server.CreateDatabase(t)
		name := server.URL(database)
		before := postgres.look(t, name)
		process := startFrontEnd(t, frontend.Config{Target: name})
		w := &writers{ledger: newLedger(), goroutines: 4, names: 4}
		var writing sync.WaitGroup
		seed := random.Uint64()
		writing.Go(func() { w.run(process, seed) })
		w.awaitProgress(t, 1+random.Int64N(50))
		server.Kill(t)
		require.NoError(t, process.Signal(syscall.SIGKILL))
		writing.Wait()
		process.Close()
		folder := filepath.Join(t.TempDir(), "data")
		server.CopyData(t, folder)
		server.Start(t)
		other.Kill(t)
		other.RestoreData(t, folder)
		other.Start(t)
		postgres.verify(t, server.URLVia(other.Addr(), database), w.ledger, before)
		postgres.verify(t, name, w.ledger, nil)
	}
}
