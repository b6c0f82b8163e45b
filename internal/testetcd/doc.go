// Package testetcd runs etcd clusters of one or several nodes on loopback, for
// the tests of any module here. The nodes are real processes, which a test can
// kill, start again, copy and restore.
//
// The commands are those of the PATH if they are 3.5 or later, and are built
// from the Go module proxy otherwise: once, into the user's cache folder. A
// root user's nodes run as the user nobody.
package testetcd

import (
	"errors"
	"os"
	"testing"
)

// ErrNotInstalled is wrapped by the error of [New] where etcd is neither on the
// PATH nor can be built.
var ErrNotInstalled = errors.New("testetcd: put etcd and etcdutl 3.5 or later on the PATH, or let Go build them")

// Start returns a healthy cluster of n nodes, which is gone when the test ends;
// flags are for etcd, besides those the cluster needs. Where there is no etcd it skips the test; with CI=true in the environment it
// fails it.
func Start(tb testing.TB, n int, flags ...string) *Cluster {
	tb.Helper()
	c, err := New(n, flags...)
	switch {
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("closing the etcd cluster: %v", err)
		}
	})
	return c
}
