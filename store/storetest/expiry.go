package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// expired returns what Expired does, and checks what holds for every call.
func (t *trial) expired(s store.Store, until time.Time, limit int) []store.Record {
	t.Helper()
	got, err := s.Expired(t.ctx, until, limit)
	if err != nil {
		t.Fatalf("Expired(%v, %d): %v", until, limit, err)
	}
	if len(got) > limit {
		t.Fatalf("Expired(%v, %d) returned %d records", until, limit, len(got))
	}
	for i, r := range got {
		if r.ExpiresAt.IsZero() || r.ExpiresAt.After(until) {
			t.Fatalf("Expired(%v, %d) returned a record that expires at %v", until, limit, r.ExpiresAt)
		}
		if i > 0 && r.ExpiresAt.Before(got[i-1].ExpiresAt) {
			t.Fatalf("Expired(%v, %d) returned %v after %v", until, limit, r.ExpiresAt, got[i-1].ExpiresAt)
		}
	}
	return got
}

func noHiddenClock(t *trial) {
	past := []time.Time{store.MinTime, time.UnixMilli(0), time.UnixMilli(1)}
	future := []time.Time{time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC), store.MaxTime}
	var records []store.Record
	for i, at := range append(past, future...) {
		r := newRecord("registry", string(rune('a'+i)))
		r.ExpiresAt = at
		records = append(records, t.put(t.a, r))
	}
	t.wantEverywhere(records)

	if got := t.expired(t.b, store.MinTime, 100); len(got) != 1 {
		t.Fatalf("Expired(MinTime) returned %d records, want the one that expires then: until decides, not the clock", len(got))
	}
	if got := t.expired(t.b, future[0], 100); len(got) != len(past)+1 {
		t.Fatalf("Expired(%v) returned %d records, want %d: until decides, not the clock", future[0], len(got), len(past)+1)
	}
	for i, r := range records {
		usurper := newRecord(r.Registry, r.Name)
		_, err := t.b.Put(t.ctx, usurper)
		t.wantError(err, store.ErrExists, "Put, to create with the name of a record that expires at %v,", r.ExpiresAt)
		r.Data = []byte("replaced")
		records[i] = t.put(t.b, r)
	}
	t.wantEverywhere(records)
	for _, r := range records {
		t.delete(t.a, r)
	}
}

func expiredBoundedOldestFirst(t *trial) {
	base := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	const ms = time.Millisecond
	offsets := []time.Duration{5 * ms, -3 * ms, 0, 9 * ms, 2 * ms, 5 * ms, -7 * ms, 1 * ms}
	for i, offset := range offsets {
		r := newRecord([]string{"registry", "another"}[i%2], fmt.Sprint("name-", i))
		r.ExpiresAt = base.Add(offset)
		t.put(t.a, r)
	}
	t.create(t.a, "registry", "never")
	cleared := newRecord("registry", "cleared")
	cleared.ExpiresAt = base
	cleared = t.put(t.a, cleared)
	cleared.ExpiresAt = time.Time{}
	t.put(t.a, cleared)
	moved := newRecord("registry", "moved")
	moved.ExpiresAt = base.Add(-time.Second)
	moved = t.put(t.a, moved)
	moved.ExpiresAt = base.Add(7 * ms)
	t.put(t.a, moved)
	deleted := newRecord("registry", "deleted")
	deleted.ExpiresAt = base
	t.delete(t.a, t.put(t.a, deleted))

	offsets = slices.Sorted(slices.Values(append(offsets, 7*ms)))
	zone := time.FixedZone("west", -11*60*60)
	for _, until := range []time.Time{
		{},
		store.MinTime,
		base.Add(-8 * ms),
		base.Add(-7*ms - 1), // a nanosecond early
		base.Add(-7 * ms),
		base.Add(-7*ms + 1),
		base.Add(5*ms - 1),
		base.Add(5 * ms).In(zone),
		base.Add(9 * ms),
		store.MaxTime,
	} {
		var want []time.Duration
		for _, offset := range offsets {
			if !base.Add(offset).After(until) {
				want = append(want, offset)
			}
		}
		for _, limit := range []int{1, 2, 5, len(offsets), math.MaxInt} {
			var got []time.Duration
			for _, r := range t.expired(t.b, until, limit) {
				got = append(got, r.ExpiresAt.Sub(base))
			}
			if !slices.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("Expired(%v, %d) returned the records of %v, want the first of %v", until, limit, got, want)
			}
		}
	}
}

func sweepNeverDeletesRenewed(t *trial) {
	until := store.MinTime.AddDate(1, 0, 0)
	create := func(name string) {
		r := newRecord("registry", name)
		r.ExpiresAt = store.MinTime
		t.put(t.a, r)
	}
	create("name")
	found := t.expired(t.a, until, 10)
	if len(found) != 1 {
		t.Fatalf("Expired returned %d records, want 1", len(found))
	}
	renewed := found[0]
	renewed.ExpiresAt = store.MaxTime
	renewed = t.put(t.b, renewed)
	t.unchanged(func() {
		_, err := t.a.Delete(t.ctx, found[0].ID, found[0].Rev)
		t.wantError(err, store.ErrConflict, "Delete of a record that was renewed since Expired returned it")
	})
	t.wantRecord(t.a, renewed)
	if again := t.expired(t.a, until, 10); len(again) != 0 {
		t.Fatal("Expired returned a record that was renewed")
	}

	const n = 8
	for i := range n {
		create(fmt.Sprint("expired-", i))
	}
	t.sweepTogether(until, n)
	t.wantRecord(t.b, renewed)
}

// sweepTogether sweeps by both handles at once, and checks that each of n
// expired records is deleted by one sweeper alone.
func (t *trial) sweepTogether(until time.Time, n int) {
	t.Helper()
	type sweep struct {
		swept []uuid.UUID
		err   error
	}
	var sweeps [2]sweep
	together(
		func() { sweeps[0].swept, sweeps[0].err = sweepAll(t.ctx, t.a, until) },
		func() { sweeps[1].swept, sweeps[1].err = sweepAll(t.ctx, t.b, until) },
	)
	seen := make(map[uuid.UUID]bool)
	for _, sweep := range sweeps {
		if sweep.err != nil {
			t.Fatalf("sweeping: %v", sweep.err)
		}
		for _, id := range sweep.swept {
			if seen[id] {
				t.Fatalf("two sweepers were told they had deleted %s", id)
			}
			seen[id] = true
		}
	}
	if len(seen) != n {
		t.Fatalf("two sweepers deleted %d records, want %d", len(seen), n)
	}
}

// sweepAll deletes what expired, and returns what it deleted itself.
func sweepAll(ctx context.Context, s store.Store, until time.Time) (swept []uuid.UUID, err error) {
	for range manyCalls {
		found, err := s.Expired(ctx, until, 3)
		if err != nil || len(found) == 0 {
			return swept, err
		}
		for _, r := range found {
			switch _, err := s.Delete(ctx, r.ID, r.Rev); {
			case err == nil:
				swept = append(swept, r.ID)
			case !errors.Is(err, store.ErrNotFound):
				return swept, err
			}
		}
	}
	return swept, errors.New("there is no end of expired records")
}
