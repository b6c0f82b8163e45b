package sqlitestore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// An outcome is what came of a write.
type outcome struct {
	rev store.Rev
	err error
}

// together makes writes in one transaction, in their order.
func together(t *testing.T, s *sqlitestore.Store, writes ...func() (store.Rev, error)) []outcome {
	release := s.HoldWrites()
	outcomes := make([]outcome, len(writes))
	var all sync.WaitGroup
	for i, write := range writes {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					outcomes[i].err = fmt.Errorf("panic: %v", p)
				}
			}()
			outcomes[i].rev, outcomes[i].err = write()
		})
		require.Eventually(t, func() bool { return s.WaitingWrites() == i+1 }, time.Minute, time.Millisecond)
	}
	release()
	all.Wait()
	return outcomes
}

// Each write of a transaction has its own outcome, and sees what those before
// it did.
func TestBatchOfMixedOutcomes(t *testing.T) {
	s, d := newFaultyStore(t)
	replaced, deleted := create(t, s, "replaced"), create(t, s, "deleted")
	fresh, reused, renamed := newRecord("fresh"), newRecord("deleted"), replaced
	renamed.Name = "renamed"
	head, err := s.Head(t.Context())
	require.NoError(t, err)
	commits := 0
	d.statement = "COMMIT"
	d.fault = func(_ driver.Conn, exec func() error) error { commits++; return exec() }

	put := func(r store.Record) func() (store.Rev, error) {
		return func() (store.Rev, error) { return s.Put(t.Context(), r) }
	}
	remove := func(id uuid.UUID, rev store.Rev) func() (store.Rev, error) {
		return func() (store.Rev, error) { return s.Delete(t.Context(), id, rev) }
	}
	steps := []struct {
		write func() (store.Rev, error)
		rev   store.Rev
		err   error
		id    uuid.UUID
	}{
		{put(fresh), 3, nil, fresh.ID},
		{put(fresh), 0, store.ErrExists, fresh.ID},
		{put(renamed), 0, store.ErrInvalid, renamed.ID},
		{put(replaced), 4, nil, replaced.ID},
		{put(replaced), 0, store.ErrConflict, replaced.ID},
		{put(reused), 0, store.ErrExists, reused.ID},
		{remove(deleted.ID, deleted.Rev), 5, nil, deleted.ID},
		{remove(deleted.ID, deleted.Rev), 0, store.ErrNotFound, deleted.ID},
		{put(deleted), 0, store.ErrNotFound, deleted.ID},
		{put(reused), 6, nil, reused.ID},
		{remove(replaced.ID, replaced.Rev), 0, store.ErrConflict, replaced.ID},
		{remove(replaced.ID, 4), 7, nil, replaced.ID},
	}
	var writes []func() (store.Rev, error)
	for _, step := range steps {
		writes = append(writes, step.write)
	}
	var changes []store.Change
	for i, got := range together(t, s, writes...) {
		require.ErrorIs(t, got.err, steps[i].err, "write %d", i)
		require.Equal(t, steps[i].rev, got.rev, "write %d", i)
		if got.err == nil {
			changes = append(changes, store.Change{Rev: got.rev, ID: steps[i].id})
		}
	}
	require.Equal(t, 1, commits)
	batch, err := s.Changes(t.Context(), head, 100)
	require.NoError(t, err)
	require.Equal(t, changes, batch.Changes)

	// Where nothing is written there is nothing to commit.
	for _, got := range together(t, s, put(fresh), remove(replaced.ID, 7)) {
		require.Error(t, got.err)
	}
	require.Equal(t, 1, commits)
}

// What becomes of a transaction becomes of all its writes.
func TestBatchThatFails(t *testing.T) {
	const writes = 3
	for name, c := range map[string]struct {
		statement string
		fault     func(conn driver.Conn, exec func() error) error
		want      error
		written   bool
	}{
		"commit refused":                   {"COMMIT", func(driver.Conn, func() error) error { return errFault }, store.ErrUnavailable, false},
		"commit made, said to have failed": {"COMMIT", func(_ driver.Conn, exec func() error) error { return errors.Join(exec(), errFault) }, store.ErrUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newFaultyStore(t)
			d.statement, d.fault = c.statement, c.fault
			var records []store.Record
			var puts []func() (store.Rev, error)
			for i := range writes {
				r := newRecord(fmt.Sprint(i))
				records = append(records, r)
				puts = append(puts, func() (store.Rev, error) { return s.Put(t.Context(), r) })
			}
			outcomes := together(t, s, puts...)
			d.fault = nil
			for i, got := range outcomes {
				require.ErrorIs(t, got.err, c.want)
				require.Zero(t, got.rev)
				_, err := s.Get(t.Context(), records[i].ID)
				require.Equal(t, c.written, err == nil)
			}
			requireStands(t, s, create(t, s, "another"))
		})
	}
}

// Whoever leads sees a panic; the others are not left waiting.
func TestBatchThatPanics(t *testing.T) {
	s, d := newFaultyStore(t)
	d.statement = "COMMIT"
	d.fault = func(driver.Conn, func() error) error { panic(errFault) }
	put := func() (store.Rev, error) { return s.Put(t.Context(), newRecord(uuid.NewString())) }
	outcomes := together(t, s, put, put)
	require.ErrorContains(t, outcomes[0].err, "panic")
	require.ErrorIs(t, outcomes[1].err, store.ErrUnknown)
}

// Of a context that ends once the transaction has begun, the write knows
// nothing.
func TestContextEndsInTheBatch(t *testing.T) {
	s, d := newFaultyStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.statement = "COMMIT"
	d.fault = func(_ driver.Conn, exec func() error) error {
		cancel()
		return exec()
	}
	r := newRecord("name")
	got := together(t, s,
		func() (store.Rev, error) { return s.Put(t.Context(), newRecord("first")) },
		func() (store.Rev, error) { return s.Put(ctx, r) },
	)
	d.fault = nil
	require.Equal(t, []outcome{{1, nil}, {2, nil}}, got)
	r.Rev = 2
	requireStands(t, s, r)
}

// Of many that write at once each gets a revision of its own, and none is left
// out. (Contexts that end meanwhile are the business of package groupcommit.)
func TestManyWritersAtOnce(t *testing.T) {
	const writers, each = 16, 40
	s := openStore(t, newPath(t), nil)
	revs := make([]store.Rev, writers*each)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w * each; i < (w+1)*each; i++ {
				revs[i], _ = s.Put(t.Context(), newRecord(fmt.Sprint(i)))
			}
		})
	}
	all.Wait()
	slices.Sort(revs)
	for i, rev := range revs {
		require.EqualValues(t, i+1, rev)
	}
}
