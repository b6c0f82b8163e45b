package pgstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Each benchmark of a store has beside it what the plain driver needs for the
// least that would do: one statement, prepared where it reads.
func BenchmarkPut(b *testing.B) {
	b.Run("store", func(b *testing.B) {
		s := open(b, cluster.URL(cluster.CreateDatabase(b)), nil)
		r := newRecord(0)
		for b.Loop() {
			var err error
			if r.Rev, err = s.Put(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("driver", func(b *testing.B) {
		url := cluster.URL(cluster.CreateDatabase(b))
		r := newRecord(0)
		pool := newPool(b, url)
		_, err := pool.Exec(b.Context(), `CREATE TABLE plain (id uuid PRIMARY KEY, data bytea)`)
		require.NoError(b, err)
		_, err = pool.Exec(b.Context(), `INSERT INTO plain VALUES ($1, $2)`, r.ID, r.Data)
		require.NoError(b, err)
		for b.Loop() {
			if _, err := pool.Exec(b.Context(), `UPDATE plain SET data = $2 WHERE id = $1`, r.ID, r.Data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	const n = 10_000
	ctx := context.Background()
	url := cluster.URL(cluster.CreateDatabase(b))
	s := open(b, url, nil)
	pool := newPool(b, url)
	_, err := pool.Exec(ctx, `INSERT INTO regtoken.records (id, registry, name, data, rev)
		SELECT gen_random_uuid(), 'registry', convert_to('filler-' || i, 'UTF8'), decode(repeat('00', 200), 'hex'), 1
		FROM generate_series(1, $1) i`, n)
	require.NoError(b, err)
	r := newRecord(0)
	_, err = s.Put(ctx, r)
	require.NoError(b, err)
	head, err := s.Head(ctx)
	require.NoError(b, err)
	_, err = pool.Exec(ctx, `ANALYZE`)
	require.NoError(b, err)

	driver := func(sql string, args ...any) func() error {
		return func() error {
			rows, err := pool.Query(ctx, sql, args...)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowToMap)
			return err
		}
	}
	for _, bench := range []struct {
		name string
		call func() error
	}{
		{"Get/store", func() error { _, err := s.Get(ctx, r.ID); return err }},
		{"Get/driver", driver(`SELECT * FROM regtoken.records WHERE id = $1`, r.ID)},
		{"GetByName/store", func() error { _, err := s.GetByName(ctx, r.Registry, r.Name); return err }},
		{"Head/store", func() error { _, err := s.Head(ctx); return err }},
		{"Head/driver", driver(`SELECT * FROM regtoken.head`)},
		{"ChangesNone/store", func() error { _, err := s.Changes(ctx, head, 100); return err }},
		{"ChangesNone/driver", driver(`SELECT * FROM regtoken.changes WHERE rev >= $1 ORDER BY rev LIMIT 100`, 1)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
