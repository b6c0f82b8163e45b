package pgstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// urlVia returns the connection string of a database of the cluster by a way
// to it.
type urlVia func(database string) string

// suite is the harness of stores that openers make, each in a database of its
// own.
func suite(url urlVia, openDatabase func(tb testing.TB, connString string) store.Store) storetest.Harness {
	databases := make(map[store.Store]string)
	openIn := func(tb testing.TB, database string) store.Store {
		s := openDatabase(tb, url(database))
		databases[s] = database
		return s
	}
	return storetest.Harness{
		Open:         func(tb testing.TB) store.Store { return openIn(tb, cluster.CreateDatabase(tb)) },
		SecondHandle: func(tb testing.TB, s store.Store) store.Store { return openIn(tb, databases[s]) },
		TrimFeed: func(tb testing.TB, s store.Store) {
			cluster.SQL(tb, databases[s], `DELETE FROM regtoken.changes WHERE rev < (SELECT rev FROM regtoken.head)`)
		},
		Backup: func(tb testing.TB, s store.Store) func() store.Store {
			restore := cluster.Dump(tb, databases[s])
			return func() store.Store { return openIn(tb, restore(tb)) }
		},
	}
}

// viaOpen and viaNew are the two ways to a store.
func viaOpen(tb testing.TB, connString string) store.Store {
	s, err := pgstore.Open(context.Background(), connString, nil)
	require.NoError(tb, err)
	return s
}

func viaNew(tb testing.TB, connString string) store.Store {
	s, err := pgstore.New(context.Background(), newPool(tb, connString), nil)
	require.NoError(tb, err)
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, suite(cluster.URL, viaOpen)) }

func TestStoreOnPool(t *testing.T) { storetest.Run(t, suite(cluster.URL, viaNew)) }

func TestStoreBehindPgBouncer(t *testing.T) {
	storetest.Run(t, suite(viaPgBouncer(t), viaOpen))
}

func TestStoreOnPoolBehindPgBouncer(t *testing.T) {
	storetest.Run(t, suite(viaPgBouncer(t), viaNew))
}
