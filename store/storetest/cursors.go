package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// wantExpired checks that the feed does not know what follows the cursor.
func (t *trial) wantExpired(s store.Store, after store.Cursor, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	batch, err := s.Changes(t.ctx, after, 10)
	if err == nil {
		t.Fatalf("Changes after %s returned %+v, want ErrCursorExpired", what, batch)
	}
	t.wantError(err, store.ErrCursorExpired, "Changes after %s", what)
}

func feedForeignOrFutureCursorExpires(t *trial) {
	var foreign []store.Cursor
	elsewhere := t.open()
	for i := range 9 {
		foreign = append(foreign, t.head(elsewhere))
		t.create(elsewhere, "registry", fmt.Sprint("name-", i))
	}
	if err := elsewhere.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	for range 3 { // in the end there is a write here at the place of each foreign cursor
		for i, cursor := range foreign {
			t.wantExpired(t.a, cursor, "the cursor behind write %d of another store", i)
		}
		t.history()
		own := t.head(t.a)
		for _, cursor := range []store.Cursor{
			"", " ", "0", "1", "-1", ":", "no cursor", "\xff", "'", store.Cursor(uuid.NewString()),
			own + "0", own + "9", own + own, // further on, if the place is written in digits
		} {
			t.wantExpired(t.b, cursor, "the cursor %q of no store", cursor)
		}
	}
}

func feedTrimmedCursorExpires(t *trial) {
	old := []store.Cursor{t.head(t.a)}
	for range t.history() {
		old = append(old, t.step(t.b, old[len(old)-1]))
	}
	old = old[:len(old)-1] // the newest need not expire
	kept := t.create(t.a, "registry", "kept")
	t.h.TrimFeed(t.TB, t.a)
	for range 2 {
		for i, cursor := range old {
			t.wantExpired(t.b, cursor, "the cursor behind write %d, trimmed since,", i)
		}
		head := t.head(t.b)
		got, _ := t.drain(t.a, head, 10)
		t.wantChanges("after Head, trimmed,", got, nil)
		t.wantRecord(t.b, kept)
		kept = t.put(t.b, kept)
		got, _ = t.drain(t.a, head, 10)
		t.wantChanges("after the first write since it was trimmed", got, []store.Change{{Rev: kept.Rev, ID: kept.ID}})
	}
}

func feedConcurrentTrimNeverSkips(t *trial) {
	for range 4 {
		cursors := []store.Cursor{t.head(t.a)}
		want := t.history()
		for range want {
			cursors = append(cursors, t.step(t.a, cursors[len(cursors)-1]))
		}
		batches := make([]store.Batch, len(want))
		errs := make([]error, len(want))
		started, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			var reads []func()
			for i := range want {
				reads = append(reads, func() { batches[i], errs[i] = t.handle(i).Changes(t.ctx, cursors[i], 2) })
			}
			close(started)
			together(reads...)
		}()
		<-started
		t.h.TrimFeed(t.TB, t.a) // here: a hook may end the test
		<-done
		for i, batch := range batches {
			if errs[i] != nil {
				t.wantError(errs[i], store.ErrCursorExpired, "Changes while the feed is trimmed")
				continue
			}
			rest := want[i:]
			if n := len(batch.Changes); n > len(rest) || !slices.Equal(batch.Changes, rest[:n]) {
				t.Fatalf("while it is trimmed the feed has %v, want the first of %v", batch.Changes, rest)
			}
			if batch.CaughtUp && len(batch.Changes) < len(rest) {
				t.Fatalf("while it is trimmed the feed claims to be caught up after %v of %v", batch.Changes, rest)
			}
		}
	}
}

func feedRestoredCopyExpires(t *trial) {
	kept := t.create(t.a, "registry", "kept")
	early := t.head(t.a)
	before := t.create(t.a, "registry", "before")
	atBackup := t.head(t.a)
	restore := t.h.Backup(t.TB, t.a)

	t.put(t.a, kept)
	lost := t.create(t.a, "registry", "lost")
	t.delete(t.a, before)
	one := t.step(t.a, atBackup)
	two := t.step(t.a, one)
	future := []store.Cursor{one, two, t.step(t.a, two)}
	for _, s := range []store.Store{t.b, t.a} {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}

	s := restore()
	t.closeLater(s)
	t.wantRecord(s, kept)
	t.wantRecord(s, before)
	t.wantNoID(s, lost.ID)
	var since []store.Change
	for i := range 6 { // on and beyond the places of the writes that were lost
		for j, cursor := range future {
			t.wantExpired(s, cursor, "the cursor behind write %d of 3 that were lost, %d writes after the restore,", j+1, i)
		}
		t.wantTruth(s, atBackup, since)
		t.wantTruth(s, early, append([]store.Change{{Rev: before.Rev, ID: before.ID}}, since...))
		r := t.create(s, "registry", fmt.Sprint("name-", i))
		since = append(since, store.Change{Rev: r.Rev, ID: r.ID})
	}
}

// wantTruth checks that the cursor has expired or leads to exactly want.
func (t *trial) wantTruth(s store.Store, after store.Cursor, want []store.Change) {
	t.Helper()
	if _, err := s.Changes(t.ctx, after, 1); errors.Is(err, store.ErrCursorExpired) {
		return
	}
	got, _ := t.drain(s, after, 100)
	t.wantChanges("of a restored copy, after a cursor from before the backup", got, want)
}
