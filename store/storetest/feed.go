package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/regtoken/regtoken/store"
)

func (t *trial) head(s store.Store) store.Cursor {
	t.Helper()
	head, err := s.Head(t.ctx)
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return head
}

// changes returns one batch of the feed, and checks what holds for every one.
func (t *trial) changes(s store.Store, after store.Cursor, limit int) store.Batch {
	t.Helper()
	batch, err := s.Changes(t.ctx, after, limit)
	if err != nil {
		t.Fatalf("Changes: %v", err)
	}
	if len(batch.Changes) > limit {
		t.Fatalf("Changes with limit %d returned %d", limit, len(batch.Changes))
	}
	for i, c := range batch.Changes[min(1, len(batch.Changes)):] {
		if c.Rev <= batch.Changes[i].Rev {
			t.Fatalf("Changes returned revision %d after %d", c.Rev, batch.Changes[i].Rev)
		}
	}
	return batch
}

// drain returns the changes after the cursor up to where the feed says it is
// caught up, and the cursor behind them. Nobody writes meanwhile.
func (t *trial) drain(s store.Store, after store.Cursor, limit int) ([]store.Change, store.Cursor) {
	t.Helper()
	var all []store.Change
	for range manyCalls {
		batch := t.changes(s, after, limit)
		all = append(all, batch.Changes...)
		after = batch.Next
		if batch.CaughtUp {
			return all, after
		}
	}
	t.Fatal("the feed never catches up, though nobody writes")
	return nil, ""
}

// step returns the cursor behind the one change after after.
func (t *trial) step(s store.Store, after store.Cursor) store.Cursor {
	t.Helper()
	batch := t.changes(s, after, 1)
	if len(batch.Changes) == 0 {
		t.Fatal("the feed does not go on, though there are changes after the cursor")
	}
	return batch.Next
}

func (t *trial) wantChanges(what string, got, want []store.Change) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: the feed has %v, want %v", what, got, want)
	}
}

// history makes a few writes of every kind and returns their changes.
func (t *trial) history() []store.Change {
	t.Helper()
	one := t.create(t.a, "registry", "one")
	two := t.create(t.b, "another", "two")
	replaced := t.put(t.b, one)
	return []store.Change{
		{Rev: one.Rev, ID: one.ID},
		{Rev: two.Rev, ID: two.ID},
		{Rev: replaced.Rev, ID: one.ID},
		{Rev: t.delete(t.a, two), ID: two.ID},
		{Rev: t.delete(t.b, replaced), ID: one.ID},
	}
}

func feedCreateReplaceDelete(t *trial) {
	start := t.head(t.a)
	want := t.history()
	got, end := t.drain(t.b, start, 100)
	t.wantChanges("after writes of every kind", got, want)
	for what, cursor := range map[string]store.Cursor{"Next": end, "Head": t.head(t.a)} {
		got, _ := t.drain(t.a, cursor, 100)
		t.wantChanges("after "+what, got, nil)
	}
	more := t.history()
	got, _ = t.drain(t.a, end, 100)
	t.wantChanges("after further writes", got, more)
	got, _ = t.drain(t.a, start, 100)
	t.wantChanges("from the start", got, append(want, more...))
}

func feedCaughtUpIsTruthfulAtEveryLimit(t *trial) {
	start := t.head(t.a)
	want := t.history()
	for limit := range len(want) + 2 {
		if limit == 0 {
			limit = math.MaxInt
		}
		var got []store.Change
		after := start
		for calls := 0; ; calls++ {
			batch := t.changes(t.b, after, limit)
			got = append(got, batch.Changes...)
			if batch.CaughtUp && len(got) < len(want) {
				t.Fatalf("with limit %d the feed claims to be caught up after %d of %d changes", limit, len(got), len(want))
			}
			after = batch.Next
			rest, _ := t.drain(t.a, after, limit)
			t.wantChanges(fmt.Sprintf("with limit %d, after Next", limit), rest, want[min(len(got), len(want)):])
			if batch.CaughtUp {
				break
			}
			if calls == manyCalls {
				t.Fatalf("with limit %d the feed never catches up, though nobody writes", limit)
			}
		}
		t.wantChanges(fmt.Sprintf("with limit %d", limit), got, want)
	}
}

func feedThenGetIsNotOlder(t *trial) {
	check := func(c store.Change, r store.Record, err error, how string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s, once the feed had revision %d: %v", how, c.Rev, err)
		}
		if r.Rev < c.Rev {
			t.Fatalf("%s returned revision %d, once the feed had %d", how, r.Rev, c.Rev)
		}
	}
	cursor := t.head(t.a)
	r := t.create(t.a, "registry", "name")
	for range 5 {
		var changes []store.Change
		changes, cursor = t.drain(t.b, cursor, 10)
		t.wantChanges("after a write", changes, []store.Change{{Rev: r.Rev, ID: r.ID}})
		for _, s := range []store.Store{t.b, t.a} {
			got, err := s.Get(t.ctx, r.ID)
			check(changes[0], got, err, "Get")
			got, err = s.GetByName(t.ctx, r.Registry, r.Name)
			check(changes[0], got, err, "GetByName")
			t.wantAll("List", t.list(s, store.Query{Registry: r.Registry, Limit: 2}), []store.Record{r})
		}
		r = t.put(t.a, r)
	}
	t.delete(t.a, r)
	if changes, _ := t.drain(t.b, cursor, 10); len(changes) != 2 {
		t.Fatalf("the feed has %v, want a replacement and a deletion", changes)
	}
	t.wantNoID(t.b, r.ID)
	t.wantNoName(t.b, r.Registry, r.Name)
}

func feedFailedWritesAreSilent(t *trial) {
	one := t.create(t.a, "registry", "one")
	stale := t.create(t.a, "registry", "two")
	two := t.put(t.a, stale)
	gone := t.create(t.a, "registry", "gone")
	t.delete(t.a, gone)
	start := t.head(t.a)

	taken, takenID, missing, invalid, renamed := newRecord("registry", "one"), newRecord("registry", "new"),
		newRecord("registry", "missing"), newRecord("registry", ""), two
	takenID.ID, missing.Rev, renamed.Name = one.ID, 1, "renamed"
	for _, r := range []store.Record{taken, takenID, missing, invalid, renamed, stale, gone} {
		if rev, err := t.a.Put(t.ctx, r); err == nil {
			t.Fatalf("Put(%s) succeeded with revision %d", describe(r), rev)
		}
	}
	for _, r := range []store.Record{stale, gone, missing} {
		if rev, err := t.b.Delete(t.ctx, r.ID, r.Rev); err == nil {
			t.Fatalf("Delete(%s) succeeded with revision %d", describe(r), rev)
		}
	}
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	for _, c := range writes(t.a, one) {
		if c.do(ended) == nil {
			t.Fatalf("%s with a context that had ended succeeded", c.what)
		}
	}

	got, next := t.drain(t.b, start, 10)
	t.wantChanges("after writes that failed", got, nil)
	one = t.put(t.b, one)
	for _, cursor := range []store.Cursor{start, next} {
		got, _ = t.drain(t.a, cursor, 10)
		t.wantChanges("after the one write that succeeded", got, []store.Change{{Rev: one.Rev, ID: one.ID}})
	}
}

func feedNoLateArrival(t *trial) {
	const workers, each = 4, 5
	start := t.head(t.a)
	acknowledged := ledger{writers: workers}
	errs := make([]error, workers)
	var read []store.Change
	var readErr error
	calls := []func(){func() { read, readErr = follow(t.ctx, t.b, start, &acknowledged) }}
	for i := range workers {
		calls = append(calls, func() {
			errs[i] = acknowledged.fill(t.ctx, t.handle(i), fmt.Sprint("name-", i), each)
		})
	}
	together(calls...)
	for _, err := range append(errs, readErr) {
		if err != nil {
			t.Fatal(err)
		}
	}
	want, _ := acknowledged.all()
	t.wantChanges("read while others wrote", read, want)
	again, _ := t.drain(t.a, start, 7)
	t.wantChanges("read again from the start", again, want)
}

// follow reads the feed while others write, until they have finished and it
// is caught up. It checks each claim to be that.
func follow(ctx context.Context, s store.Store, after store.Cursor, acknowledged *ledger) ([]store.Change, error) {
	var read []store.Change
	for patience := manyCalls; patience > 0; {
		before, finished := acknowledged.all()
		batch, err := s.Changes(ctx, after, 3)
		if err != nil {
			return nil, fmt.Errorf("reading changes while others write: %w", err)
		}
		read = append(read, batch.Changes...)
		after = batch.Next
		if finished {
			patience--
		}
		if !batch.CaughtUp {
			continue
		}
		for _, c := range before {
			if !slices.Contains(read, c) {
				return nil, fmt.Errorf("the feed claims to be caught up, but lacks %v, acknowledged before the call", c)
			}
		}
		if finished {
			return read, nil
		}
	}
	return nil, errors.New("the feed never catches up, though nobody writes any more")
}
