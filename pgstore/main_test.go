package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/pgstore"
)

// cluster is shared by all tests, each with databases of its own.
var cluster *testpostgres.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	cluster, err = testpostgres.New()
	switch {
	case errors.Is(err, testpostgres.ErrNotInstalled) && os.Getenv("CI") != "true":
		fmt.Println("SKIP: nothing can be tested:", err)
		return 0
	case err != nil:
		fmt.Println(err)
		return 1
	}
	defer func() {
		if err := errors.Join(goleak.Find(), cluster.Close()); err != nil {
			fmt.Println(err)
			code = 1
		}
	}()
	return m.Run()
}

// open returns a store at a connection string, closed at the end of the test.
func open(tb testing.TB, connString string, opts *pgstore.Options) *pgstore.Store {
	tb.Helper()
	s, err := pgstore.Open(context.Background(), connString, opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// newPool returns a pool, closed at the end of the test.
func newPool(tb testing.TB, connString string) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(context.Background(), connString)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}
