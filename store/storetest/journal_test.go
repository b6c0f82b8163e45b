package storetest_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// A journal is a memstore under a feed of its own that can be trimmed and
// restored: a cursor is valid as long as the row it names is there.
type journal struct {
	*memstore.Store
	faults faults
	nonce  string // of the rows made in this life

	mu      sync.Mutex
	rows    []row // by revision; the first stands for all that was before it
	history []func(*memstore.Store) (store.Rev, error)
}

type row struct {
	change store.Change
	cursor store.Cursor // behind the change
}

// faults make a mutant of a journal; the zero faults are none.
type faults struct {
	logFailures     bool                                                // failed writes are in the feed
	forgetDeletions bool                                                // deletions are not
	sameNonce       bool                                                // a restored copy makes the cursors of its former life again
	beforeEntry     func(rev store.Rev)                                 // runs between a write and its entry in the feed
	beforeTrim      func()                                              // runs before a trim
	beforeRead      func()                                              // runs between the check of a cursor and the reading
	guess           func(j *journal, nonce string, after store.Rev) int // where to read on after a cursor without a row
	answer          func(store.Batch) store.Batch                       // what becomes of a batch
}

func newJournal(f faults) *journal {
	j := &journal{Store: memstore.New(), faults: f, nonce: uuid.NewString()}
	j.rows = []row{j.row(store.Change{})}
	return j
}

func (j *journal) row(c store.Change) row {
	return row{c, store.Cursor(fmt.Sprintf("%s:%d", j.nonce, c.Rev))}
}

// last returns the newest row.
func (j *journal) last() row { return j.rows[len(j.rows)-1] }

func (j *journal) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	return j.enter(r.ID, func(s *memstore.Store) (store.Rev, error) { return s.Put(ctx, r) })
}

func (j *journal) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	remove := func(s *memstore.Store) (store.Rev, error) { return s.Delete(ctx, id, ifRev) }
	if j.faults.forgetDeletions {
		return remove(j.Store)
	}
	return j.enter(id, remove)
}

// enter makes a write and gives it its row.
func (j *journal) enter(id uuid.UUID, write func(*memstore.Store) (store.Rev, error)) (store.Rev, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rev, err := write(j.Store)
	if err != nil {
		if j.faults.logFailures {
			j.rows = append(j.rows, j.row(store.Change{Rev: j.last().change.Rev + 1, ID: id}))
		}
		return 0, err
	}
	j.history = append(j.history, write)
	if j.faults.beforeEntry != nil {
		j.mu.Unlock()
		j.faults.beforeEntry(rev)
		j.mu.Lock()
	}
	place, _ := slices.BinarySearchFunc(j.rows, rev, func(r row, rev store.Rev) int {
		return cmp.Compare(r.change.Rev, rev)
	})
	j.rows = slices.Insert(j.rows, place, j.row(store.Change{Rev: rev, ID: id}))
	return rev, nil
}

func (j *journal) Head(ctx context.Context) (store.Cursor, error) {
	if _, err := j.Store.Head(ctx); err != nil {
		return "", err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last().cursor, nil
}

func (j *journal) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if _, err := j.Store.Head(ctx); err != nil {
		return store.Batch{}, err
	}
	if err := store.ValidateLimit(limit); err != nil {
		return store.Batch{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	place := j.find(after)
	if place < 0 {
		return store.Batch{}, fmt.Errorf("journal: %w", store.ErrCursorExpired)
	}
	if j.faults.beforeRead != nil {
		rev := j.rows[place].change.Rev
		j.mu.Unlock()
		j.faults.beforeRead()
		j.mu.Lock()
		place = j.firstBehind(rev) - 1
	}
	rest := j.rows[place+1:]
	batch := store.Batch{Next: after, CaughtUp: len(rest) <= limit}
	for _, r := range rest[:min(limit, len(rest))] {
		batch.Changes = append(batch.Changes, r.change)
		batch.Next = r.cursor
	}
	if j.faults.answer != nil {
		batch = j.faults.answer(batch)
	}
	return batch, nil
}

// find returns the place of the row that the cursor names, negative if it is
// not there.
func (j *journal) find(c store.Cursor) int {
	place := slices.IndexFunc(j.rows, func(r row) bool { return r.cursor == c })
	if place >= 0 || j.faults.guess == nil {
		return place
	}
	nonce, digits, _ := strings.Cut(string(c), ":")
	rev, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return j.faults.guess(j, nonce, store.Rev(rev))
}

// firstBehind returns the place of the first row with a higher revision, but
// never that of the row that stands for all before.
func (j *journal) firstBehind(rev store.Rev) int {
	place, _ := slices.BinarySearchFunc(j.rows, rev+1, func(r row, rev store.Rev) int {
		return cmp.Compare(r.change.Rev, rev)
	})
	return max(place, 1)
}

func (j *journal) Wait(ctx context.Context, after store.Cursor) error {
	inner, err := j.innerCursor(ctx, after)
	if err != nil {
		return err
	}
	return j.Store.Wait(ctx, inner)
}

// innerCursor returns the memstore's cursor that is as new as after is.
func (j *journal) innerCursor(ctx context.Context, after store.Cursor) (store.Cursor, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	inner, err := j.Store.Head(ctx)
	if after != j.last().cursor {
		inner = "" // older: the memstore returns at once
	}
	return inner, err
}

// trim forgets all rows but the last.
func (j *journal) trim() {
	if j.faults.beforeTrim != nil {
		j.faults.beforeTrim()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows = slices.Clone(j.rows[len(j.rows)-1:])
}

// backup returns what makes a store of the same rows and the same writes.
func (j *journal) backup(t testing.TB) (restore func() store.Store) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows, history := slices.Clone(j.rows), slices.Clone(j.history)
	return func() store.Store {
		restored := newJournal(j.faults)
		if j.faults.sameNonce {
			restored.nonce = j.nonce
		}
		restored.rows, restored.history = rows, history
		for _, write := range history {
			if _, err := write(restored.Store); err != nil {
				t.Fatal(err)
			}
		}
		return restored
	}
}

// harness offers every hook, for journals with faults.
func (f faults) harness() storetest.Harness {
	return storetest.Harness{
		Open:         func(testing.TB) store.Store { return newJournal(f) },
		SecondHandle: func(_ testing.TB, s store.Store) store.Store { return s },
		TrimFeed:     func(_ testing.TB, s store.Store) { s.(*journal).trim() },
		Backup:       func(t testing.TB, s store.Store) func() store.Store { return s.(*journal).backup(t) },
	}
}
