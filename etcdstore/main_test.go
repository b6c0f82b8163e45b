package etcdstore_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/internal/testetcd"
)

// shared is the cluster of the tests that leave it as they find it, but for
// keys under a prefix of their own.
var shared = sync.OnceValues(func() (*testetcd.Cluster, error) { return testetcd.New(3) })

func sharedCluster(tb testing.TB) *testetcd.Cluster {
	tb.Helper()
	cluster, err := shared()
	testetcd.Require(tb, err)
	return cluster
}

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster, err := shared(); err == nil {
		if err := cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
