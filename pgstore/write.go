package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/groupcommit"
)

// A pending write is one of those that a transaction makes together.
type pending struct {
	record  store.Record // its Rev is what the write rests on
	deletes bool         // and then only the record's ID and Rev count
	// What came of it:
	rev     store.Rev
	refusal error
	failure error // of the transaction
}

// errCutShort is for the writes of a transaction that panicked.
var errCutShort = errors.New("cut short")

// patience is how long a write waits for the transaction before it, which a
// network that went silent may hold up, before it goes on a connection of its
// own.
const patience = 250 * time.Millisecond

// Put implements [store.Store]. It costs one round trip.
func (s *Store) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	// A call that ends before its transaction leaves the data behind, and what
	// the caller then does with its own must not get into it. Nil would be NULL.
	r.Data = append([]byte{}, r.Data...)
	return s.write(ctx, pending{record: r})
}

// Delete implements [store.Store]. It costs one round trip.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if ifRev < 1 {
		return 0, fmt.Errorf("%w: ifRev is below 1", store.ErrInvalid)
	}
	return s.write(ctx, pending{record: store.Record{ID: id, Rev: ifRev}, deletes: true})
}

// write makes one write, together with what other calls write at the same time.
func (s *Store) write(ctx context.Context, p pending) (store.Rev, error) {
	p.failure = errCutShort
	w := groupcommit.NewWrite(&p, len(p.record.Data))
	inTime, done := s.untilClosed(ctx)
	defer done()
	switch err := s.writes.Do(inTime, w, s.commit); {
	case errors.Is(err, groupcommit.ErrUnderWay):
		return 0, s.ofWrite(ctx, err)
	case err != nil:
		return 0, s.harmless(ctx, err)
	case p.failure != nil:
		return 0, s.ofWrite(ctx, p.failure)
	}
	return p.rev, p.refusal
}

// commit makes a transaction of the writes that wait when there is a connection
// for it.
func (s *Store) commit(ctx context.Context, take func() *groupcommit.Batch[*pending]) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	batch := take()
	if len(batch.Writes) == 1 {
		s.writeBatch(ctx, conn, batch)
		return nil
	}
	// The end of one call's context is no reason to cut off the others, and no
	// call waits longer than its own.
	go s.writeBatch(batch.Context(), conn, batch)
	return nil
}

// writeBatch makes the writes of a batch, and notes what came of each. What it
// sends is one statement, a transaction by itself: with an answer that is no
// error, it has committed. Only where that answer is that a single write was
// refused does another follow.
func (s *Store) writeBatch(ctx context.Context, conn *pgxpool.Conn, batch *groupcommit.Batch[*pending]) {
	defer batch.Settle()
	defer conn.Release()
	if len(batch.Writes) == 1 && s.writeOne(ctx, conn, batch.Writes[0].Value) {
		return
	}
	s.writeAll(ctx, conn, batch.Writes)
}

// writeOne makes a write that is alone, and reports whether that settled it:
// writeAll has to say why one is refused, and does more for that.
func (s *Store) writeOne(ctx context.Context, conn *pgxpool.Conn, p *pending) (settled bool) {
	id, registry, name, expiry, data := p.columns()
	var rev store.Rev
	tells := s.telling.claim()
	rows, err := conn.Query(ctx, s.sql.writeOne, execMode,
		id, registry, name, expiry, data, int64(p.record.Rev), s.feedSize, tells)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&rev}, func() error { return nil }) // as in writeAll
	}
	p.rev, p.failure = rev, err
	if rev == 0 || !tells {
		s.telling.owe()
	}
	return err != nil || rev > 0
}

func (s *Store) writeAll(ctx context.Context, conn *pgxpool.Conn, writes []*groupcommit.Write[*pending]) {
	var all columns
	for _, w := range writes {
		all.add(w.Value)
	}
	var answers []answer
	var a answer
	rows, err := conn.Query(ctx, s.sql.write, execMode,
		all.ids, all.registries, all.names, all.expiries, all.data, all.restOn, s.feedSize)
	if err == nil {
		// This reads on to where the server says that it is ready for the next
		// statement. Only that follows the commit; the rows come before.
		_, err = pgx.ForEachRow(rows, []any{&a.outcome, &a.revision}, func() error {
			answers = append(answers, a)
			return nil
		})
	}
	if err == nil && len(answers) != len(writes) {
		err = fmt.Errorf("%d answers to %d writes", len(answers), len(writes)) // of a schema this package did not make
	}
	for i, w := range writes {
		if w.Value.failure = err; err == nil {
			w.Value.rev, w.Value.refusal = answers[i].read()
		}
	}
}

// columns are the arguments of the schema's function write_all: of each write,
// the values at one place.
type columns struct {
	ids                     []string
	registries, names, data [][]byte // NULL in names for a deletion
	expiries                []*int64
	restOn                  []int64
}

func (c *columns) add(p *pending) {
	id, registry, name, expiry, data := p.columns()
	c.ids = append(c.ids, id)
	c.registries = append(c.registries, registry)
	c.names = append(c.names, name)
	c.data = append(c.data, data)
	c.expiries = append(c.expiries, expiry)
	c.restOn = append(c.restOn, int64(p.record.Rev))
}

// columns returns what the schema's functions write, but for the revisions; the
// name of a deletion is NULL.
func (p *pending) columns() (id string, registry, name []byte, expiry *int64, data []byte) {
	r := p.record
	id = r.ID.String()
	if p.deletes {
		return id, nil, nil, nil, nil
	}
	if !r.ExpiresAt.IsZero() {
		milliseconds := r.ExpiresAt.UnixMilli()
		expiry = &milliseconds
	}
	return id, []byte(r.Registry), []byte(r.Name), expiry, r.Data
}

// An answer is what the schema's functions say of a write.
type answer struct {
	outcome  string
	revision *store.Rev
}

// read returns the revision of the write, or why it was refused.
func (a answer) read() (store.Rev, error) {
	switch a.outcome {
	case "done":
		return *a.revision, nil
	case "ID taken":
		return 0, fmt.Errorf("pgstore: ID: %w", store.ErrExists)
	case "name taken":
		return 0, fmt.Errorf("pgstore: name: %w", store.ErrExists)
	case "missing":
		return 0, fmt.Errorf("pgstore: %w", store.ErrNotFound)
	case "conflict":
		return 0, fmt.Errorf("pgstore: %w: at %d", store.ErrConflict, *a.revision)
	case "renamed":
		return 0, fmt.Errorf("%w: a record keeps its Registry and Name", store.ErrInvalid)
	}
	return 0, fmt.Errorf("%w: pgstore: outcome %q", store.ErrUnknown, a.outcome) // of a schema this package did not make
}
