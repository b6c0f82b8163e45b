package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/groupcommit"
)

// trimEvery says at which revisions the feed is trimmed: seldom, because that
// writes pages that the write itself does not.
const trimEvery = 128

// nextRev is the revision that addChange gives to the change made before it.
const nextRev = `(SELECT max(rev) + 1 FROM regtoken_changes)`

// A pending write is one of those that a transaction makes together.
type pending struct {
	id     uuid.UUID
	change func(ctx context.Context, w *session) error
	// What came of it:
	rev     int64
	refusal error
	failure error // of the transaction
}

// errCutShort is for the writes of a transaction that panicked.
var errCutShort = fmt.Errorf("sqlitestore: %w: cut short", store.ErrUnknown)

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
	return s.write(ctx, r.ID, len(r.Data), func(ctx context.Context, w *session) error {
		if r.Rev == 0 {
			// Empty data may reach the database as NULL: some drivers do that.
			created, err := w.changed(ctx, `
				INSERT INTO regtoken_tokens (id, registry, name, expires_at, data, rev)
				VALUES (?, ?, ?, ?, coalesce(?, x''), `+nextRev+`)
				ON CONFLICT DO NOTHING`,
				r.ID[:], r.Registry, r.Name, expiresAt, r.Data)
			if err == nil && !created {
				err = errExists
			}
			return err
		}
		replaced, err := w.changed(ctx, `
			UPDATE regtoken_tokens SET expires_at = ?, data = coalesce(?, x''), rev = `+nextRev+`
			WHERE id = ? AND rev = ? AND registry = ? AND name = ?`,
			expiresAt, r.Data, r.ID[:], int64(r.Rev), r.Registry, r.Name)
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
	return s.write(ctx, id, 0, func(ctx context.Context, w *session) error {
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
// says so, together with what other calls write at the same time. It returns
// the revision of both.
func (s *Store) write(
	ctx context.Context, id uuid.UUID, size int, change func(ctx context.Context, w *session) error,
) (store.Rev, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	w := groupcommit.NewWrite(&pending{id: id, change: change, failure: errCutShort}, size)
	switch err := s.writes.Do(waiting, w, s.commit); {
	case errors.Is(err, groupcommit.ErrUnderWay):
		<-w.Done() // its end is near
	case err != nil && s.life.Err() != nil:
		return 0, errClosed
	case err != nil:
		return 0, err
	}
	if err := w.Value.failure; err != nil {
		return 0, err
	}
	return store.Rev(w.Value.rev), w.Value.refusal
}

// commit makes a transaction of the writes that wait when it can begin one.
func (s *Store) commit(ctx context.Context, take func() *groupcommit.Batch[*pending]) error {
	var batch *groupcommit.Batch[*pending]
	defer func() { // when the session is left to the next
		if batch != nil {
			batch.Settle()
		}
	}()
	w, err := s.takeSession(ctx)
	if err != nil {
		return err
	}
	err = w.transact(ctx, func(ctx context.Context) error {
		batch = take()
		return w.writeAll(ctx, batch.Writes, int64(s.feedSize))
	})
	s.leaveSession(w) // but if a driver panicked: then nothing of it can be trusted, to be closed least of all
	if batch == nil {
		return err
	}
	if errors.Is(err, errNothingWritten) {
		err = nil
	}
	for _, one := range batch.Writes {
		one.Value.failure = err
	}
	return nil
}

// errNothingWritten: all writes were refused, each with its own error.
var errNothingWritten = errors.New("sqlitestore: nothing written")

// writeAll makes the writes in turn. That one is refused is its own error, and
// no other's.
func (w *session) writeAll(ctx context.Context, writes []*groupcommit.Write[*pending], feedSize int64) error {
	err := errNothingWritten
	for _, one := range writes {
		p := one.Value
		p.rev, p.refusal = w.writeOne(ctx, p, feedSize)
		switch {
		case p.refusal == nil:
			err = nil
		case errors.Is(p.refusal, store.ErrUnavailable): // the transaction may be rolled back by now
			return p.refusal
		}
	}
	return err
}

func (w *session) writeOne(ctx context.Context, p *pending, feedSize int64) (rev int64, err error) {
	if err := p.change(ctx, w); err != nil {
		return 0, err
	}
	if rev, err = w.addChange(ctx, p.id); err != nil {
		return 0, err
	}
	if rev%trimEvery == 0 {
		err = w.trimFeed(ctx, rev-feedSize)
	}
	return rev, err
}

// takeSession returns a session to whoever leads.
func (s *Store) takeSession(ctx context.Context) (*session, error) {
	if w := s.writer; w != nil {
		s.writer = nil
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
