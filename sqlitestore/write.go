package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// trimEvery says at which revisions the feed is trimmed: seldom, because that
// writes pages that the write itself does not.
const trimEvery = 128

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.calls.RUnlock()
	if err := r.Validate(); err != nil {
		return 0, err
	}
	var expiresAt sql.NullInt64
	if !r.ExpiresAt.IsZero() {
		expiresAt = sql.NullInt64{Int64: r.ExpiresAt.UnixMilli(), Valid: true}
	}
	return s.write(ctx, r.ID, func(ctx context.Context, w *session, rev int64) error {
		if r.Rev == 0 {
			// Empty data may reach the database as NULL: some drivers do that.
			created, err := w.changed(ctx, `
				INSERT INTO regtoken_tokens (id, registry, name, expires_at, data, rev)
				VALUES (?, ?, ?, ?, coalesce(?, x''), ?)
				ON CONFLICT DO NOTHING`,
				r.ID[:], r.Registry, r.Name, expiresAt, r.Data, rev)
			if err == nil && !created {
				err = errExists
			}
			return err
		}
		replaced, err := w.changed(ctx, `
			UPDATE regtoken_tokens SET expires_at = ?, data = coalesce(?, x''), rev = ?
			WHERE id = ? AND rev = ? AND registry = ? AND name = ?`,
			expiresAt, r.Data, rev, r.ID[:], int64(r.Rev), r.Registry, r.Name)
		if err != nil || replaced {
			return err
		}
		if err := w.standsAt(ctx, r.ID, r.Rev); err != nil {
			return err
		}
		return fmt.Errorf("%w: a record keeps its Registry and Name", store.ErrInvalid)
	})
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.calls.RUnlock()
	if ifRev < 1 {
		return 0, fmt.Errorf("%w: ifRev is below 1", store.ErrInvalid)
	}
	return s.write(ctx, id, func(ctx context.Context, w *session, _ int64) error {
		deleted, err := w.changed(ctx, `DELETE FROM regtoken_tokens WHERE id = ? AND rev = ?`, id[:], int64(ifRev))
		if err != nil || deleted {
			return err
		}
		if err := w.standsAt(ctx, id, ifRev); err != nil {
			return err
		}
		return unavailable(errors.New("the record stands, and yet was not deleted"))
	})
}

// write makes the change of the record id, and the entry in the feed that
// says so. It returns the revision of both.
func (s *Store) write(
	ctx context.Context, id uuid.UUID, change func(ctx context.Context, w *session, rev int64) error,
) (store.Rev, error) {
	// Other processes can only be polled; in this one it goes in turns.
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return 0, ended(ctx.Err())
	case <-s.closing:
		return 0, errClosed
	}
	w, err := s.takeSession(ctx)
	if err != nil {
		return 0, err
	}
	defer s.leaveSession(w)
	var rev int64
	err = w.transact(ctx, func(ctx context.Context) error {
		if rev, err = w.addChange(ctx, id); err != nil {
			return err
		}
		if err := change(ctx, w, rev); err != nil {
			return err
		}
		if rev%trimEvery != 0 {
			return nil
		}
		return w.trimFeed(ctx, rev-int64(s.feedSize))
	})
	if err != nil {
		return 0, err
	}
	return store.Rev(rev), nil
}

// takeSession returns a session to whoever has the turn.
func (s *Store) takeSession(ctx context.Context) (*session, error) {
	if w := s.writer; w != nil {
		return w, nil
	}
	return s.openSession(ctx)
}

// leaveSession keeps the session for the next write where the database is the
// Store's own: nobody else can have changed it by then.
func (s *Store) leaveSession(w *session) {
	if s.owned && !w.broken {
		s.writer = w
		return
	}
	s.writer = nil
	w.close()
}

func (s *Store) closeSession() {
	if s.writer != nil {
		s.writer.close()
	}
}

// addChange adds the change of id to the feed and returns its revision.
func (w *session) addChange(ctx context.Context, id uuid.UUID) (rev int64, err error) {
	result, err := w.exec(ctx, `
		INSERT INTO regtoken_changes (rev, id, nonce)
		SELECT rev + 1, ?, random() FROM regtoken_changes ORDER BY rev DESC LIMIT 1`, id[:])
	if err != nil {
		return 0, unavailable(err)
	}
	switch n, err := result.RowsAffected(); {
	case err != nil:
		return 0, unavailable(err)
	case n == 0:
		return 0, errNoFeed
	}
	if rev, err = result.LastInsertId(); err != nil { // rev is the row ID
		return 0, unavailable(err)
	}
	return rev, nil
}

// trimFeed forgets what is older than the change oldest.
func (w *session) trimFeed(ctx context.Context, oldest int64) error {
	if _, err := w.exec(ctx, `DELETE FROM regtoken_changes WHERE rev < ?`, oldest); err != nil {
		return unavailable(err)
	}
	return nil
}

// changed reports whether the statement changed a row.
func (w *session) changed(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := w.exec(ctx, statement, args...)
	if err != nil {
		return false, unavailable(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, unavailable(err)
	}
	return n > 0, nil
}

// standsAt returns why a write that rests on rev cannot change the record id.
func (w *session) standsAt(ctx context.Context, id uuid.UUID, rev store.Rev) error {
	var at store.Rev
	switch err := w.queryRow(ctx, `SELECT rev FROM regtoken_tokens WHERE id = ?`, id[:]).Scan(&at); {
	case errors.Is(err, sql.ErrNoRows):
		return errNotFound
	case err != nil:
		return unavailable(err)
	case at != rev:
		return fmt.Errorf("sqlitestore: %w: at %d, not %d", store.ErrConflict, at, rev)
	}
	return nil
}
