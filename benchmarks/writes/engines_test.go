package writes_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	_ "modernc.org/sqlite"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// A floor makes commits by the plain driver.
type floor struct {
	insert, update func(ctx context.Context, id uuid.UUID, data []byte) error
	remove         func(ctx context.Context, id uuid.UUID) error
}

// engines open a store and its floor, each with data of its own, closed with
// the benchmark.
var engines = []struct {
	name string
	open func(b *testing.B) (store.Store, floor)
}{
	{"memory", openMemory},
	{"sqlite", openSQLite},
	{"postgres", openPostgres},
	{"etcd", openEtcd},
}

func openMemory(b *testing.B) (store.Store, floor) {
	var mu sync.Mutex
	values := make(map[uuid.UUID][]byte)
	put := func(_ context.Context, id uuid.UUID, data []byte) error {
		mu.Lock()
		defer mu.Unlock()
		values[id] = data
		return nil
	}
	return memstore.New(), floor{
		insert: put,
		update: put,
		remove: func(_ context.Context, id uuid.UUID) error {
			mu.Lock()
			defer mu.Unlock()
			delete(values, id)
			return nil
		},
	}
}

func openSQLite(b *testing.B) (store.Store, floor) {
	folder := b.TempDir()
	s, err := sqlitestore.Open(b.Context(), filepath.Join(folder, "tokens.db"), nil)
	require.NoError(b, err)
	closeLater(b, s)

	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "floor.db")+"?_journal_mode=WAL&_synchronous=FULL")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(b.Context(), `CREATE TABLE floor (id BLOB PRIMARY KEY NOT NULL, data BLOB NOT NULL)`)
	require.NoError(b, err)
	prepare := func(query string) func(ctx context.Context, args ...any) error {
		stmt, err := db.PrepareContext(b.Context(), query)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, stmt.Close()) })
		return func(ctx context.Context, args ...any) error {
			result, err := stmt.ExecContext(ctx, args...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			return oneRow(n, err)
		}
	}
	insert := prepare(`INSERT INTO floor (id, data) VALUES (?, ?)`)
	update := prepare(`UPDATE floor SET data = ? WHERE id = ?`)
	remove := prepare(`DELETE FROM floor WHERE id = ?`)
	return s, floor{
		insert: func(ctx context.Context, id uuid.UUID, data []byte) error { return insert(ctx, id[:], data) },
		update: func(ctx context.Context, id uuid.UUID, data []byte) error { return update(ctx, data, id[:]) },
		remove: func(ctx context.Context, id uuid.UUID) error { return remove(ctx, id[:]) },
	}
}

func openPostgres(b *testing.B) (store.Store, floor) {
	cluster := testpostgres.Start(b)
	s, err := pgstore.Open(b.Context(), cluster.URL(cluster.CreateDatabase(b)), nil)
	require.NoError(b, err)
	closeLater(b, s)

	config, err := pgxpool.ParseConfig(cluster.URL(cluster.CreateDatabase(b)))
	require.NoError(b, err)
	config.MinConns, config.MaxConns = many, many
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	exec := func(ctx context.Context, query string, args ...any) error {
		tag, err := pool.Exec(ctx, query, args...)
		return oneRow(tag.RowsAffected(), err)
	}
	_, err = pool.Exec(b.Context(), `CREATE TABLE floor (id uuid PRIMARY KEY, data bytea NOT NULL)`)
	require.NoError(b, err)
	return s, floor{
		insert: func(ctx context.Context, id uuid.UUID, data []byte) error {
			return exec(ctx, `INSERT INTO floor (id, data) VALUES ($1, $2)`, id, data)
		},
		update: func(ctx context.Context, id uuid.UUID, data []byte) error {
			return exec(ctx, `UPDATE floor SET data = $2 WHERE id = $1`, id, data)
		},
		remove: func(ctx context.Context, id uuid.UUID) error {
			return exec(ctx, `DELETE FROM floor WHERE id = $1`, id)
		},
	}
}

func openEtcd(b *testing.B) (store.Store, floor) {
	cluster := testetcd.Start(b, 1)
	config := clientv3.Config{Endpoints: cluster.Endpoints(), Logger: zap.NewNop()}
	s, err := etcdstore.Open(b.Context(), config, nil)
	require.NoError(b, err)
	closeLater(b, s)

	client, err := clientv3.New(config)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, client.Close()) })
	put := func(ctx context.Context, id uuid.UUID, data []byte) error {
		_, err := client.Put(ctx, "floor/"+id.String(), string(data))
		return err
	}
	return s, floor{
		insert: put,
		update: put,
		remove: func(ctx context.Context, id uuid.UUID) error {
			_, err := client.Delete(ctx, "floor/"+id.String())
			return err
		},
	}
}

func closeLater(b *testing.B, s store.Store) {
	b.Cleanup(func() { require.NoError(b, s.Close()) })
}

// oneRow is an error where a commit did not change the one row it was to.
func oneRow(changed int64, err error) error {
	if err == nil && changed != 1 {
		err = fmt.Errorf("%d rows changed", changed)
	}
	return err
}
