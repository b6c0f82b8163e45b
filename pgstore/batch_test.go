package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

// A write is one of a batch, and what it is to come to.
type write struct {
	r       store.Record
	deletes bool
	ctx     context.Context // nil: one that does not end
	rev     store.Rev
	err     error
}

func (w write) do(t *testing.T, s *pgstore.Store) (store.Rev, error) {
	ctx := w.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	if w.deletes {
		return s.Delete(ctx, w.r.ID, w.r.Rev)
	}
	return s.Put(ctx, w.r)
}

// together makes writes in one transaction, in their order, checks what comes
// of them, and returns the changes that were made. When they are under way it
// calls meanwhile.
func together(t *testing.T, s *pgstore.Store, meanwhile func(), writes ...write) []store.Change {
	t.Helper()
	release := s.HoldWrites()
	var changes []store.Change
	revs, errs := make([]store.Rev, len(writes)), make([]error, len(writes))
	var all sync.WaitGroup
	for i, w := range writes {
		all.Go(func() { revs[i], errs[i] = w.do(t, s) })
		require.Eventually(t, func() bool { return s.WaitingWrites() == i+1 }, time.Minute, time.Millisecond)
	}
	release()
	meanwhile()
	all.Wait()
	for i, w := range writes {
		require.ErrorIs(t, errs[i], w.err, "write %d", i)
		require.Equal(t, w.rev, revs[i], "write %d", i)
		if w.err == nil {
			changes = append(changes, store.Change{Rev: revs[i], ID: w.r.ID})
		}
	}
	return changes
}

func nothing() {}

func at(r store.Record, rev store.Rev) store.Record {
	r.Rev = rev
	return r
}

// Each write of a transaction has its own outcome, and sees what those before
// it did.
func TestBatchOfMixedOutcomes(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	replaced, deleted := create(t, s, 1), create(t, s, 2)
	fresh, reused, renamed := newRecord(3), newRecord(4), replaced
	reused.Name, renamed.Name = deleted.Name, "renamed"
	fresh.ExpiresAt = store.MaxTime
	start := head(t, s)
	changes := together(t, s, nothing,
		write{r: fresh, rev: 3},
		write{r: fresh, err: store.ErrExists},
		write{r: renamed, err: store.ErrInvalid},
		write{r: replaced, rev: 4},
		write{r: replaced, err: store.ErrConflict},
		write{r: reused, err: store.ErrExists},
		write{r: deleted, deletes: true, rev: 5},
		write{r: deleted, deletes: true, err: store.ErrNotFound},
		write{r: deleted, err: store.ErrNotFound},
		write{r: reused, rev: 6},
		write{r: replaced, deletes: true, err: store.ErrConflict},
		write{r: at(replaced, 4), deletes: true, rev: 7},
	)
	batch, err := s.Changes(t.Context(), start, 100)
	require.NoError(t, err)
	require.Equal(t, changes, batch.Changes)
	require.Equal(t, batch.Next, head(t, s))
	require.Equal(t, "5|2", cluster.SQL(t, database,
		"SELECT count(*), count(DISTINCT c.xmin::text) + 1 FROM regtoken.changes c WHERE rev > 2"), "one transaction made all five")
	for _, r := range []store.Record{at(fresh, 3), at(reused, 6)} {
		got, err := s.Get(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, r, got)
	}

	// Each place in the midst of a batch is one to go on from.
	one, err := s.Changes(t.Context(), start, 2)
	require.NoError(t, err)
	rest, err := s.Changes(t.Context(), one.Next, 100)
	require.NoError(t, err)
	require.Equal(t, changes[2:], rest.Changes)
}

// A write that is alone and refused takes no place in the feed, in whose order
// it would stand.
func TestRefusedAlone(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	stands := create(t, s, 1)
	gone := create(t, s, 2)
	_, err := s.Delete(t.Context(), gone.ID, gone.Rev)
	require.NoError(t, err)
	before := head(t, s)
	renamed := stands
	renamed.Name = "another"
	sameName := newRecord(3)
	sameName.Name = stands.Name
	for _, w := range []write{
		{r: at(stands, 0), err: store.ErrExists},
		{r: sameName, err: store.ErrExists},
		{r: at(stands, 7), err: store.ErrConflict},
		{r: gone, err: store.ErrNotFound},
		{r: renamed, err: store.ErrInvalid},
		{r: at(stands, 7), deletes: true, err: store.ErrConflict},
		{r: gone, deletes: true, err: store.ErrNotFound},
	} {
		rev, err := w.do(t, s)
		require.ErrorIs(t, err, w.err)
		require.Zero(t, rev)
		require.Equal(t, before, head(t, s))
	}
	require.Equal(t, "3|3", cluster.SQL(t, database, "SELECT h.rev, max(c.rev) FROM regtoken.head h, regtoken.changes c GROUP BY h.rev"))
	require.Equal(t, store.Rev(4), put(t, s, stands).Rev)
}

// What becomes of a transaction becomes of all its writes.
func TestBatchWhoseAcknowledgementIsLost(t *testing.T) {
	c := newCutter(t)
	s := open(t, c.url(cluster.CreateDatabase(t)), nil)
	text := "write_all("
	c.cutAt.Store(&text)
	records := []store.Record{newRecord(1), newRecord(2), newRecord(3)}
	var writes []write
	for _, r := range records {
		writes = append(writes, write{r: r, err: store.ErrUnknown})
	}
	together(t, s, nothing, writes...)
	c.cutAt.Store(nil)
	for _, r := range records {
		_, err := s.Get(t.Context(), r.ID)
		require.NoError(t, err, "the server had committed before it answered")
	}
}

func TestBatchThatIsRefused(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database)+"&lock_timeout=50", nil)
	unlock := lockHead(t, database)
	together(t, s, nothing,
		write{r: newRecord(1), err: store.ErrUnavailable},
		write{r: newRecord(2), err: store.ErrUnavailable})
	unlock()
	create(t, s, 1)
}

// The end of one call's context cuts nobody else off, be it that of whoever
// leads; and nobody waits for more than its own.
func TestContextEndsInTheBatch(t *testing.T) {
	for name, ended := range map[string]int{"that of whoever leads": 0, "that of another": 1} {
		t.Run(name, func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			s := open(t, cluster.URL(database), nil)
			unlock := lockHead(t, database)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			writes := []write{{r: newRecord(1), rev: 1}, {r: newRecord(2), rev: 2}}
			writes[ended].ctx, writes[ended].rev, writes[ended].err = ctx, 0, store.ErrUnknown
			together(t, s, func() {
				awaitBlocked(t, database, 1)
				cancel()
				_, err := s.Get(t.Context(), newRecord(1).ID)
				require.ErrorIs(t, err, store.ErrNotFound)
				unlock()
			}, writes...)
			got, err := s.Get(t.Context(), writes[ended].r.ID)
			require.NoError(t, err, "it was written all the same")
			require.EqualValues(t, ended+1, got.Rev)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		database := cluster.CreateDatabase(t)
		s := open(t, cluster.URL(database), nil)
		defer lockHead(t, database)()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		together(t, s, func() {
			awaitBlocked(t, database, 1)
			cancel()
			awaitBlocked(t, database, 0) // the server was told
		}, write{r: newRecord(1), ctx: ctx, err: store.ErrUnknown}, write{r: newRecord(2), ctx: ctx, err: context.Canceled})
	})
	t.Run("Close", func(t *testing.T) {
		database := cluster.CreateDatabase(t)
		s := open(t, cluster.URL(database), nil)
		defer lockHead(t, database)()
		together(t, s, func() {
			awaitBlocked(t, database, 1)
			require.NoError(t, s.Close())
		}, write{r: newRecord(1), err: store.ErrUnknown}, write{r: newRecord(2), err: store.ErrClosed})
	})
}

// A transaction that is held up holds up no other for good.
func TestNextTransactionDoesNotWaitForever(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	unlock := lockHead(t, database)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := []<-chan error{blocked(ctx, t, s, database)}
	second := make(chan error, 1)
	go func() {
		_, err := s.Put(ctx, newRecord(2))
		second <- err
	}()
	awaitBlocked(t, database, 2)
	unlock()
	for _, result := range append(results, second) {
		require.NoError(t, <-result)
	}
}

// Many write at once, from two stores, some with contexts that end: the feed
// has each write that succeeded, at its revision.
func TestManyWritersAtOnce(t *testing.T) {
	const writers, each = 16, 25
	url := cluster.URL(cluster.CreateDatabase(t))
	stores := []*pgstore.Store{open(t, url, nil), open(t, url, nil)}
	start := head(t, stores[0])
	written := make([]map[store.Rev]uuid.UUID, writers)
	errs := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		written[w] = make(map[store.Rev]uuid.UUID)
		all.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(t.Context())
				if i%4 == 0 {
					go cancel()
				}
				r := newRecord(w*each + i)
				rev, err := stores[w%2].Put(ctx, r)
				cancel()
				switch {
				case err == nil:
					written[w][rev] = r.ID
				case !errors.Is(err, context.Canceled):
					errs[w] = fmt.Errorf("%s: %w", r.Name, err)
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	byRev := make(map[store.Rev]uuid.UUID)
	for _, of := range written {
		maps.Copy(byRev, of)
	}
	batch, err := stores[1].Changes(t.Context(), start, writers*each+1)
	require.NoError(t, err)
	for i, c := range batch.Changes {
		require.EqualValues(t, i+1, c.Rev)
		if id, ok := byRev[c.Rev]; ok { // else its call was told that the outcome is unknown
			require.Equal(t, id, c.ID)
			delete(byRev, c.Rev)
		}
	}
	require.Empty(t, byRev, "acknowledged, and not in the feed")
}
