package kill_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A journal is a store in memory that can be made again from its writes, and
// so be made wrongly.
type journal struct {
	*memstore.Store
	mu     sync.Mutex
	writes []store.Record // without Data: a deletion
}

func (j *journal) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rev, err := j.Store.Put(ctx, r)
	if err == nil {
		j.writes = append(j.writes, r)
	}
	return rev, err
}

func (j *journal) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rev, err := j.Store.Delete(ctx, id, ifRev)
	if err == nil {
		j.writes = append(j.writes, store.Record{ID: id})
	}
	return rev, err
}

// remake returns a store with these writes, and the picture before them.
func remake(t *testing.T, writes []store.Record) (store.Store, *picture) {
	t.Helper()
	s := memstore.New()
	before, err := inspect(t.Context(), s, nil)
	require.NoError(t, err)
	for _, r := range writes {
		now, err := s.Get(t.Context(), r.ID)
		switch r.Rev = now.Rev; {
		case r.Data == nil && err == nil:
			_, err = s.Delete(t.Context(), r.ID, r.Rev)
		case r.Data != nil:
			_, err = s.Put(t.Context(), r)
		}
		if err != nil && !errors.Is(err, store.ErrExists) { // the name is still taken
			require.ErrorIs(t, err, store.ErrNotFound) // what was lost cannot be deleted
		}
	}
	return s, before
}

// TestVerifyFindsMutants has stores forget what they acknowledged, or keep a
// part of it. Each must be found.
func TestVerifyFindsMutants(t *testing.T) {
	for name, mutant := range map[string]struct {
		change func(writes []store.Record) []store.Record
		found  string
	}{
		"nothing wrong": {func(writes []store.Record) []store.Record { return writes }, ""},
		"acknowledges before it commits": {func(writes []store.Record) []store.Record {
			return writes[:len(writes)-1]
		}, "one of"},
		"loses a deletion": {func(writes []store.Record) []store.Record {
			i := slices.IndexFunc(writes, func(r store.Record) bool { return r.Data == nil })
			return slices.Delete(writes, i, i+1)
		}, "one of"},
		"writes half of a record: not its expiry": {func(writes []store.Record) []store.Record {
			i, _ := survivor(t, writes, func(_, now store.Record) bool { return !now.ExpiresAt.IsZero() })
			writes[i].ExpiresAt = time.Time{}
			return writes
		}, "one of"},
		"writes half of a record: not its data": {func(writes []store.Record) []store.Record {
			i, was := survivor(t, writes, func(was, now store.Record) bool {
				return was.Data != nil && !bytes.Equal(was.Data, now.Data)
			})
			writes[i].Data = was.Data
			return writes
		}, "one of"},
		"writes twice": {func(writes []store.Record) []store.Record {
			return slices.Insert(writes, 0, writes[0])
		}, "were acknowledged"},
		"keeps what nobody wrote": {func(writes []store.Record) []store.Record {
			return append(writes, store.Record{ID: uuid.New(), Name: "stray", Data: writes[0].Data})
		}, "that nobody made"},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journal{Store: memstore.New()}
			w := write100(t, j)
			remade, before := remake(t, mutant.change(j.writes))
			_, err := verify(t.Context(), remade, w.ledger, before)
			requireFound(t, err, mutant.found)
		})
	}
}

// survivor returns the place of the last write of a record that is there in
// the end, and what the record was before.
func survivor(t *testing.T, writes []store.Record, is func(was, now store.Record) bool) (place int, was store.Record) {
	t.Helper()
	last := map[uuid.UUID]int{}
	for i, r := range writes {
		last[r.ID] = i
	}
	for _, i := range last {
		was := store.Record{}
		for _, r := range writes[:i] {
			if r.ID == writes[i].ID {
				was = r
			}
		}
		if writes[i].Data != nil && is(was, writes[i]) {
			return i, was
		}
	}
	t.Fatal("there is no such record")
	return 0, was
}

// requireFound checks that a mutant was found for the right reason; "" is that
// of no mutant.
func requireFound(t *testing.T, err error, reason string) {
	t.Helper()
	if reason == "" {
		require.NoError(t, err)
	} else {
		require.ErrorContains(t, err, reason)
	}
}

// write100 makes a hundred writes to a store, each time the same.
func write100(t *testing.T, s store.Store) *writers {
	t.Helper()
	f, err := newLocalFrontEnd(s)
	require.NoError(t, err)
	defer f.Close()
	w := &writers{ledger: newLedger(), goroutines: 1, names: 12, stop: make(chan struct{}), notice: 100}
	w.noticed = func() { close(w.stop) }
	w.run(f, 1)
	return w
}

// TestVerifyFindsLies has stores answer what is not true. Each must be found.
func TestVerifyFindsLies(t *testing.T) {
	for name, mutant := range map[string]struct {
		put   func(s store.Store, ctx context.Context, r store.Record) (store.Rev, error)
		found string
	}{
		"nothing wrong": {store.Store.Put, ""},
		"unavailable, but written": {func(s store.Store, ctx context.Context, r store.Record) (store.Rev, error) {
			_, _ = s.Put(ctx, r)
			return 0, store.ErrUnavailable
		}, "that nobody made"},
		"acknowledged, but not written": {func(_ store.Store, _ context.Context, r store.Record) (store.Rev, error) {
			return r.Rev + 1, nil
		}, "were acknowledged"},
		"unknown, and half of it written": {func(s store.Store, ctx context.Context, r store.Record) (store.Rev, error) {
			r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
			_, _ = s.Put(ctx, r)
			return 0, store.ErrUnknown
		}, "one of"},
	} {
		t.Run(name, func(t *testing.T) {
			s := memstore.New()
			before, err := inspect(t.Context(), s, nil)
			require.NoError(t, err)
			w := write100(t, &liar{Store: s, put: mutant.put})
			_, err = verify(t.Context(), s, w.ledger, before)
			requireFound(t, err, mutant.found)
		})
	}
}

// A liar lies about every second creation of a record that expires.
type liar struct {
	*memstore.Store
	put       func(s store.Store, ctx context.Context, r store.Record) (store.Rev, error)
	creations atomic.Int64
}

func (s *liar) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if r.Rev == 0 && !r.ExpiresAt.IsZero() && s.creations.Add(1)%2 == 0 {
		return s.put(s.Store, ctx, r)
	}
	return s.Store.Put(ctx, r)
}
