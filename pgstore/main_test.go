package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

// cluster is shared by all tests, each with databases of its own.
var cluster *testpostgres.Cluster

func TestMain(m *testing.M) {
	if url := os.Getenv(writerProcess); url != "" {
		os.Exit(writeAsProcess(url))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	cluster, err = testpostgres.New()
	switch {
	case errors.Is(err, testpostgres.ErrNotInstalled) && os.Getenv("CI") != "true":
		fmt.Println("SKIP: without a server nothing can be tested:", err)
		return 0
	case err != nil:
		fmt.Println(err)
		return 1
	}
	code := m.Run()
	if code == 0 { // else what failed may not have cleaned up
		err = goleak.Find()
	}
	if err := errors.Join(err, cluster.Close()); err != nil {
		fmt.Println(err)
		code = 1
	}
	return code
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

// newRecord returns a record to create, the same for the same i.
func newRecord(i int) store.Record {
	id := uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(i)))
	return store.Record{ID: id, Registry: "registry", Name: fmt.Sprintf("name-%08d", i), Data: make([]byte, 200)}
}

func head(tb testing.TB, s store.Store) store.Cursor {
	tb.Helper()
	c, err := s.Head(context.Background())
	require.NoError(tb, err)
	return c
}

func create(tb testing.TB, s store.Store, i int) store.Record {
	tb.Helper()
	return put(tb, s, newRecord(i))
}

// put writes r and returns it as it then stands.
func put(tb testing.TB, s store.Store, r store.Record) store.Record {
	tb.Helper()
	rev, err := s.Put(context.Background(), r)
	require.NoError(tb, err)
	r.Rev = rev
	return r
}
