package pgstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// Put implements [store.Store]. It costs one round trip.
func (s *Store) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	var expiresAt any // NULL
	if !r.ExpiresAt.IsZero() {
		expiresAt = r.ExpiresAt.UnixMilli()
	}
	data := r.Data
	if data == nil {
		data = []byte{} // nil would be NULL
	}
	return s.write(ctx, s.sql.put, r.ID.String(), []byte(r.Registry), []byte(r.Name), expiresAt, data, int64(r.Rev), s.feedSize)
}

// Delete implements [store.Store]. It costs one round trip.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if ifRev < 1 {
		return 0, fmt.Errorf("%w: ifRev is below 1", store.ErrInvalid)
	}
	return s.write(ctx, s.sql.remove, id.String(), int64(ifRev), s.feedSize)
}

// write calls a function of the schema that makes one write. The statement is
// a transaction by itself: with an answer that is no error, it has committed.
func (s *Store) write(ctx context.Context, sql string, args ...any) (store.Rev, error) {
	callCtx, done := s.untilClosed(ctx)
	defer done()
	conn, err := s.pool.Acquire(callCtx)
	if err != nil {
		return 0, s.harmless(ctx, err)
	}
	defer conn.Release()
	var outcome string
	var rev *store.Rev
	// Scan reads on to where the server says that it is ready for the next
	// statement. Only that follows the commit; the row comes before.
	err = conn.QueryRow(callCtx, sql, slices.Concat([]any{execMode}, args)...).Scan(&outcome, &rev)
	if err != nil {
		return 0, s.ofWrite(ctx, err)
	}
	switch outcome {
	case "done":
		return *rev, nil
	case "ID taken":
		return 0, fmt.Errorf("pgstore: ID: %w", store.ErrExists)
	case "name taken":
		return 0, fmt.Errorf("pgstore: name: %w", store.ErrExists)
	case "missing":
		return 0, fmt.Errorf("pgstore: %w", store.ErrNotFound)
	case "conflict":
		return 0, fmt.Errorf("pgstore: %w: at %d", store.ErrConflict, *rev)
	case "renamed":
		return 0, fmt.Errorf("%w: a record keeps its Registry and Name", store.ErrInvalid)
	}
	return 0, fmt.Errorf("%w: pgstore: outcome %q", store.ErrUnknown, outcome) // of a schema this package did not make
}
