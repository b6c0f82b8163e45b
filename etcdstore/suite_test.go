package etcdstore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// A placed store knows under which prefix it is.
type placed struct {
	*etcdstore.Store
	prefix string
}

// harness is for stores that openAt returns, under a prefix and at one node.
func harness(t *testing.T, openAt func(tb testing.TB, prefix, endpoint string) *etcdstore.Store) storetest.Harness {
	endpoints := cluster.Endpoints()
	client := newClient(t, endpoints...)
	return storetest.Harness{
		Open: func(tb testing.TB) store.Store {
			prefix := newPrefix()
			return placed{openAt(tb, prefix, endpoints[0]), prefix}
		},
		SecondHandle: func(tb testing.TB, s store.Store) store.Store {
			return openAt(tb, s.(placed).prefix, endpoints[1])
		},
		TrimFeed: func(tb testing.TB, _ store.Store) { compact(tb, client) },
		Backup: func(tb testing.TB, s store.Store) func() store.Store {
			file := filepath.Join(tb.TempDir(), "snapshot")
			cluster.Snapshot(tb, file)
			return func() store.Store {
				restored := testetcd.Start(tb, 1)
				restored.Restore(tb, file)
				return openAt(tb, s.(placed).prefix, restored.Endpoints()[0])
			}
		},
	}
}

func TestOpen(t *testing.T) {
	storetest.Run(t, harness(t, func(tb testing.TB, prefix, endpoint string) *etcdstore.Store {
		return open(tb, prefix, endpoint)
	}))
}

func TestNew(t *testing.T) {
	storetest.Run(t, harness(t, func(tb testing.TB, prefix, endpoint string) *etcdstore.Store {
		s, err := etcdstore.New(tb.Context(), newClient(tb, endpoint), &etcdstore.Options{Prefix: prefix})
		require.NoError(tb, err)
		return s
	}))
}
