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

// A place is a row of the feed, and the cursor behind it.
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

// Changes implements [store.Store]. The feed holds [Options].FeedSize changes
// or a few more.
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
	// One statement, for one state of the feed: it begins with the cursor's own
	// row, or it cannot vouch for what came after it.
	rows, err := s.changes.QueryContext(ctx, at.rev, oneMore(limit))
	if err != nil {
		return store.Batch{}, failed(ctx, err)
	}
	defer rows.Close()
	batch, err := readBatch(rows, at, limit)
	if errors.Is(err, store.ErrCursorExpired) {
		return store.Batch{}, err
	}
	if err != nil {
		return store.Batch{}, failed(ctx, err)
	}
	return batch, nil
}

func readBatch(rows *sql.Rows, at place, limit int) (store.Batch, error) {
	var (
		batch store.Batch
		id    sql.RawBytes
		last  place
		n     int
	)
	for ; rows.Next(); n++ {
		var change store.Change
		err := rows.Scan(&last.rev, &last.nonce, &id)
		if err != nil {
			return store.Batch{}, err
		}
		if n == 0 {
			if last != at {
				break
			}
			continue
		}
		if change.ID, err = uuid.FromBytes(id); err != nil {
			return store.Batch{}, err
		}
		change.Rev = store.Rev(last.rev)
		batch.Changes = append(batch.Changes, change)
	}
	if err := rows.Err(); err != nil {
		return store.Batch{}, err
	}
	if n == 0 {
		return store.Batch{}, fmt.Errorf("sqlitestore: %w: trimmed, or of another history", store.ErrCursorExpired)
	}
	batch.Next = last.cursor()
	batch.CaughtUp = len(batch.Changes) < limit
	return batch, nil
}
