package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// filled returns a store of n records, and their database.
func filled(b *testing.B, n int) (*sqlitestore.Store, []store.Record, *sql.DB) {
	path := newPath(b)
	s := openStore(b, path, nil)
	records := make([]store.Record, n)
	for i := range records {
		records[i] = create(b, s, fmt.Sprintf("name-%06d", i))
	}
	return s, records, openDB(b, path, "FULL")
}

// BenchmarkPut has the driver's floor beside it: one durable commit of one row
// of the same size and indexes, by one prepared statement.
func BenchmarkPut(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("create", func(b *testing.B) {
		s, _, _ := filled(b, 0)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := s.Put(ctx, newRecord(fmt.Sprint(i)))
			require.NoError(b, err)
		}
	})
	b.Run("replace", func(b *testing.B) {
		s, records, _ := filled(b, 1)
		r := records[0]
		b.ReportAllocs()
		for b.Loop() {
			var err error
			r.Rev, err = s.Put(ctx, r)
			require.NoError(b, err)
		}
	})
	floor := func(b *testing.B, query string, args func(i int) []any) {
		_, _, db := filled(b, 1)
		stmt, err := db.PrepareContext(ctx, query)
		require.NoError(b, err)
		defer stmt.Close()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := stmt.ExecContext(ctx, args(i)...)
			require.NoError(b, err)
		}
	}
	b.Run("create/floor", func(b *testing.B) {
		floor(b, `INSERT INTO regtoken_tokens VALUES (?, ?, ?, NULL, ?, ?)`, func(i int) []any {
			r := newRecord(fmt.Sprint(i))
			return []any{r.ID[:], r.Registry, r.Name, r.Data, i}
		})
	})
	b.Run("replace/floor", func(b *testing.B) {
		data := make([]byte, 400)
		floor(b, `UPDATE regtoken_tokens SET data = ?, rev = ?`, func(i int) []any { return []any{data, i} })
	})
}

func BenchmarkGet(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	const n = 10_000
	s, records, db := filled(b, n)
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := s.Get(ctx, records[i%n].ID)
			require.NoError(b, err)
		}
	})
	b.Run("by name", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := s.GetByName(ctx, "registry", records[i%n].Name)
			require.NoError(b, err)
		}
	})
	b.Run("floor", func(b *testing.B) {
		stmt, err := db.PrepareContext(ctx, `SELECT data, rev FROM regtoken_tokens WHERE id = ?`)
		require.NoError(b, err)
		defer stmt.Close()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var data []byte
			var rev int64
			require.NoError(b, stmt.QueryRowContext(ctx, records[i%n].ID[:]).Scan(&data, &rev))
		}
	})
}

func BenchmarkHead(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s, _, _ := filled(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Head(ctx)
		require.NoError(b, err)
	}
}

// BenchmarkChanges asks when there is nothing new, which is how a cache
// spends its life.
func BenchmarkChanges(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s, _, _ := filled(b, 100)
	head, err := s.Head(ctx)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Changes(ctx, head, 100)
		require.NoError(b, err)
	}
}
