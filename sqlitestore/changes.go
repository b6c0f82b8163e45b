package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

var errNoFeed = unavailable(errors.New("regtoken_changes is empty: the database was damaged"))

// A place is where an entry of the feed stands, and with it a cursor.
type place struct {
	rev   int64
	nonce int64
}

func (p place) cursor() store.Cursor {
	return store.Cursor(strconv.FormatUint(uint64(p.nonce), 16) + ":" + strconv.FormatInt(p.rev, 10))
}

// placeOf is the inverse of cursor.
func placeOf(c store.Cursor) (p place, ok bool) {
	nonce, rev, _ := strings.Cut(string(c), ":")
	n, err := strconv.ParseUint(nonce, 16, 64)
	if err != nil {
		return place{}, false
	}
	p.nonce = int64(n)
	if p.rev, err = strconv.ParseInt(rev, 10, 64); err != nil {
		return place{}, false
	}
	return p, p.cursor() == c
}

// Head implements [store.Store].
func (s *Store) Head(ctx context.Context) (store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.calls.RUnlock()
	var p place
	switch err := s.head.QueryRowContext(ctx).Scan(&p.rev, &p.nonce); {
	case errors.Is(err, sql.ErrNoRows):
		return "", errNoFeed
	case err != nil:
		return "", failed(ctx, err)
	}
	return p.cursor(), nil
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if err := s.enter(ctx); err != nil {
		return store.Batch{}, err
	}
	defer s.calls.RUnlock()
	if err := store.ValidateLimit(limit); err != nil {
		return store.Batch{}, err
	}
	at, ok := placeOf(after)
	if !ok {
		return store.Batch{}, fmt.Errorf("sqlitestore: %w: not of this store", store.ErrCursorExpired)
	}
	rows, err := s.changes.QueryContext(ctx, at.rev, oneMore(limit))
	entries, err := scanAll(scanEntry, rows, err)
	if err != nil {
		return store.Batch{}, failed(ctx, err)
	}
	// They were read by one statement, and so from one state of the feed. If it
	// does not begin with the cursor's own entry, nobody knows what it lacks.
	if len(entries) == 0 || entries[0].place != at {
		return store.Batch{}, fmt.Errorf("sqlitestore: %w: trimmed, or of another history", store.ErrCursorExpired)
	}
	changes := make([]store.Change, len(entries)-1)
	for i, e := range entries[1:] {
		changes[i] = store.Change{Rev: store.Rev(e.rev), ID: e.id}
	}
	return store.Batch{
		Changes:  changes,
		Next:     entries[len(changes)].cursor(),
		CaughtUp: len(changes) < limit,
	}, nil
}

// An entry is a row of the feed.
type entry struct {
	place
	id uuid.UUID
}

func scanEntry(row row) (entry, error) {
	var (
		e  entry
		id []byte
	)
	if err := row.Scan(&e.rev, &e.nonce, &id); err != nil {
		return entry{}, err
	}
	var err error
	e.id, err = uuid.FromBytes(id)
	return e, err
}
