package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/regtoken/regtoken/store"
)

// handle returns the handle of the worker i: every other one has the second.
func (t *trial) handle(i int) store.Store {
	if i%2 == 0 {
		return t.a
	}
	return t.b
}

func concurrentCreateOneWinner(t *trial) {
	const workers, rounds = 4, 3
	for round := range rounds {
		name := fmt.Sprint("name-", round)
		sameName := make([]store.Record, workers)
		sameID := make([]store.Record, workers)
		for i := range workers {
			sameName[i] = newRecord("registry", name)
			sameID[i] = newRecord("registry", fmt.Sprintf("%s-id-%d", name, i))
			sameID[i].ID = sameID[0].ID
		}
		t.wantRecord(t.b, t.oneCreated("name", sameName))
		t.wantRecord(t.a, t.oneCreated("ID", sameID))
	}
	if n := len(t.list(t.a, store.Query{Registry: "registry", Limit: 100})); n != 2*rounds {
		t.Fatalf("there are %d records, want %d", n, 2*rounds)
	}
}

// oneCreated creates all of the candidates at once, and returns the one that
// the store took.
func (t *trial) oneCreated(what string, candidates []store.Record) store.Record {
	t.Helper()
	errs := make([]error, len(candidates))
	calls := make([]func(), len(candidates))
	for i := range candidates {
		calls[i] = func() { candidates[i].Rev, errs[i] = t.handle(i).Put(t.ctx, candidates[i]) }
	}
	together(calls...)
	winner := -1
	for i, err := range errs {
		if err != nil {
			t.wantError(err, store.ErrExists, "Put, creating at the same time as others of the same %s,", what)
			continue
		}
		if winner >= 0 {
			t.Fatalf("two records were created with the same %s", what)
		}
		winner = i
	}
	if winner < 0 {
		t.Fatalf("of %d records with the same %s none was created", len(candidates), what)
	}
	return candidates[winner]
}

func concurrentCASLosesNothing(t *trial) {
	const workers, increments = 4, 5
	counter := newRecord("registry", "counter")
	counter.Data = []byte("0")
	counter = t.put(t.a, counter)
	errs := make([]error, workers)
	calls := make([]func(), workers)
	for i := range workers {
		calls[i] = func() { errs[i] = increment(t.ctx, t.handle(i), counter, increments) }
	}
	together(calls...)
	for _, err := range errs {
		if err != nil {
			t.Fatalf("incrementing: %v", err)
		}
	}
	got, err := t.b.Get(t.ctx, counter.ID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if want := strconv.Itoa(workers * increments); string(got.Data) != want {
		t.Fatalf("%s increments left the counter at %s", want, got.Data)
	}
}

// increment adds one to the number in the record, n times, deciding anew at
// each conflict.
func increment(ctx context.Context, s store.Store, r store.Record, n int) error {
	for range manyCalls {
		if n == 0 {
			return nil
		}
		r, err := s.Get(ctx, r.ID)
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		r.Data = []byte(strconv.Itoa(count + 1))
		switch _, err := s.Put(ctx, r); {
		case err == nil:
			n--
		case !errors.Is(err, store.ErrConflict):
			return err
		}
	}
	return errors.New("there is no end of conflicts")
}

func concurrentDeleteVsReplace(t *trial) {
	for round := range 8 {
		r := t.create(t.a, "registry", fmt.Sprint("name-", round))
		replaced := r
		replaced.Data = []byte("replaced")
		var putErr, deleteErr error
		together(
			func() { _, deleteErr = t.handle(round).Delete(t.ctx, r.ID, r.Rev) },
			func() { replaced.Rev, putErr = t.handle(round+1).Put(t.ctx, replaced) },
		)
		switch {
		case putErr == nil && deleteErr == nil:
			t.Fatal("a deletion and a replacement of the same revision both succeeded")
		case putErr == nil:
			t.wantError(deleteErr, store.ErrConflict, "Delete, overtaken by a replacement,")
			t.wantRecord(t.a, replaced)
		case deleteErr == nil:
			t.wantError(putErr, store.ErrNotFound, "Put, overtaken by a deletion,")
			t.wantNoID(t.a, r.ID)
		default:
			t.Fatalf("a deletion and a replacement both failed: %v; %v", deleteErr, putErr)
		}
	}
}
