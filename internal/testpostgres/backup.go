//go:build unix

package testpostgres

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// CopyData copies the data of a server that is down, stopped or killed, to a
// folder that does not exist yet.
func (c *Cluster) CopyData(tb testing.TB, folder string) {
	tb.Helper()
	check(tb, c.mustBeDown())
	check(tb, os.CopyFS(folder, os.DirFS(c.data())))
}

// RestoreData puts back what CopyData copied, in place of the data of the
// server, which is down.
func (c *Cluster) RestoreData(tb testing.TB, folder string) {
	tb.Helper()
	check(tb, c.mustBeDown())
	check(tb, os.RemoveAll(c.data()))
	check(tb, os.CopyFS(c.data(), os.DirFS(folder)))
	check(tb, filepath.WalkDir(c.data(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if entry.IsDir() {
			mode = 0o700 // the server insists
		}
		return errors.Join(os.Chmod(path, mode), c.own(path))
	}))
}

// Dump backs up a database by pg_dump, while it is in use. The function it
// returns restores it, as often as it is called, into a new database, and
// returns that one's name.
func (c *Cluster) Dump(tb testing.TB, database string) (restore func(testing.TB) string) {
	tb.Helper()
	file := filepath.Join(c.folder, "dump-"+rand.Text())
	_, err := c.run("pg_dump", "--format", "custom", "--file", file, "--dbname", c.URL(database))
	check(tb, err)
	return func(tb testing.TB) string {
		tb.Helper()
		restored := c.CreateDatabase(tb)
		_, err := c.run("pg_restore", "--exit-on-error", "--dbname", c.URL(restored), file)
		check(tb, err)
		return restored
	}
}

func (c *Cluster) mustBeDown() error {
	if c.process != nil {
		return errors.New("testpostgres: the server is running: stop or kill it first")
	}
	return nil
}
