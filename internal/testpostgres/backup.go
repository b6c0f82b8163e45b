//go:build unix

package testpostgres

import (
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

func (c *Cluster) mustBeDown() error {
	if c.process != nil {
		return errors.New("testpostgres: the server is running: stop or kill it first")
	}
	return nil
}
