package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// maxBatch is how many changes a batch holds at most.
const maxBatch = 100_000

// A place is what a cursor says: a row of changes.
type place struct {
	rev   store.Rev
	nonce uuid.UUID
}

func (p place) cursor() store.Cursor {
	return store.Cursor(p.nonce.String() + ":" + strconv.FormatInt(int64(p.rev), 10))
}

// placeOf is the inverse of place.cursor; there is no other way to write one.
func placeOf(c store.Cursor) (p place, ok bool) {
	nonce, digits, _ := strings.Cut(string(c), ":")
	id, err := uuid.Parse(nonce)
	if err != nil {
		return place{}, false
	}
	rev, err := strconv.ParseInt(digits, 10, 64)
	p = place{store.Rev(rev), id}
	return p, err == nil && p.cursor() == c
}

// Head implements [store.Store]: it reads one row.
func (s *Store) Head(ctx context.Context) (store.Cursor, error) {
	var head place
	found := false
	err := s.read(ctx, s.sql.head, nil, []any{&head.rev, &head.nonce}, func() { found = true })
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", unavailable(errors.New("the row of head is missing"))
	}
	return head.cursor(), nil
}

// Changes implements [store.Store]. What it reads it reads in one statement,
// and so in one state of the database: were the row of the cursor looked for
// apart, the feed could be trimmed in between and changes be passed over.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if err := s.usable(ctx); err != nil {
		return store.Batch{}, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return store.Batch{}, err
	}
	from, ok := placeOf(after)
	if !ok {
		return store.Batch{}, fmt.Errorf("%w: not of this store", store.ErrCursorExpired)
	}
	limit = min(limit, maxBatch)
	var changes []store.Change
	var places []place
	var at place
	var id uuid.UUID
	// One row for the cursor, and one to see whether there is more.
	err := s.read(ctx, s.sql.changes, []any{int64(from.rev), limit + 2}, []any{&at.rev, &at.nonce, &id}, func() {
		changes = append(changes, store.Change{Rev: at.rev, ID: id})
		places = append(places, at)
	})
	switch {
	case err != nil:
		return store.Batch{}, err
	case len(places) == 0 || places[0] != from:
		return store.Batch{}, fmt.Errorf("%w: trimmed, or of another history", store.ErrCursorExpired)
	}
	n := min(limit, len(changes)-1)
	return store.Batch{
		Changes:  changes[1 : n+1],
		Next:     places[n].cursor(),
		CaughtUp: len(changes) == n+1,
	}, nil
}
