package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/regtoken/regtoken/store"
)

// maxPage is how many records a page of List holds at most: they are all in
// memory at once.
const maxPage = 1000

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	return s.one(ctx, s.sql.get, id.String())
}

// GetByName implements [store.Store].
func (s *Store) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return s.one(ctx, s.sql.getByName, []byte(registry), []byte(name))
}

func (s *Store) one(ctx context.Context, sql string, args ...any) (store.Record, error) {
	found, err := s.records(ctx, sql, args...)
	switch {
	case err != nil:
		return store.Record{}, err
	case len(found) == 0:
		return store.Record{}, fmt.Errorf("pgstore: %w", store.ErrNotFound)
	}
	return found[0], nil
}

// List implements [store.Store]. A page holds at most 1,000 records.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.usable(ctx); err != nil {
		return store.Page{}, err
	}
	if err := q.Validate(); err != nil {
		return store.Page{}, err
	}
	start, err := listStart(q)
	if err != nil {
		return store.Page{}, err
	}
	limit := min(q.Limit, maxPage)
	var found []store.Record
	if q.AllRegistries {
		found, err = s.records(ctx, s.sql.listAll, []byte(start.registry), []byte(start.name), []byte(q.NamePrefix), limit+1)
	} else {
		found, err = s.records(ctx, s.sql.list, []byte(start.registry), []byte(start.name), afterPrefix(q.NamePrefix), limit+1)
	}
	if err != nil {
		return store.Page{}, err
	}
	if len(found) <= limit {
		return store.Page{Records: found}, nil
	}
	last := found[limit-1]
	return store.Page{Records: found[:limit], Next: nameKey{last.Registry, last.Name}.mark()}, nil
}

// Expired implements [store.Store]. The records are all in memory at once.
func (s *Store) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return nil, err
	}
	return s.records(ctx, s.sql.expired, until.UnixMilli(), limit)
}

// records returns the records that a statement finds.
func (s *Store) records(ctx context.Context, sql string, args ...any) ([]store.Record, error) {
	var found []store.Record
	var r store.Record
	var registry, name []byte
	var expiresAt *int64
	columns := []any{&r.ID, &registry, &name, &expiresAt, &r.Data, &r.Rev}
	err := s.read(ctx, sql, args, columns, func() {
		r.Registry, r.Name, r.ExpiresAt = string(registry), string(name), time.Time{}
		if expiresAt != nil {
			r.ExpiresAt = time.UnixMilli(*expiresAt).UTC()
		}
		found = append(found, r)
	})
	return found, err
}

// read calls each for every row that a statement finds, after it has put the
// row's values where columns point to.
func (s *Store) read(ctx context.Context, sql string, args, columns []any, each func()) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	callCtx, done := s.untilClosed(ctx)
	defer done()
	rows, err := s.pool.Query(callCtx, sql, slices.Concat([]any{execMode}, args)...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, columns, func() error {
			each()
			return nil
		})
	}
	if err != nil {
		return s.harmless(ctx, err)
	}
	return nil
}
