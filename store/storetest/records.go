package storetest

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// oddData are Data that stores have been known to spoil.
func oddData() [][]byte {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return [][]byte{
		nil,
		{},
		{0},
		[]byte("a\x00b\x00"),
		[]byte("\xff\xfe\xc3\x28 no UTF-8"),
		[]byte(`{"b": 1,  "a": 1.0, "a": 2}` + "\r\n "),
		every,
		bytes.Repeat(every, store.MaxData/len(every)),
	}
}

// oddExpiries are instants that stores have been known to spoil.
func oddExpiries() []time.Time {
	return []time.Time{
		{},
		store.MinTime,
		store.MaxTime,
		time.UnixMilli(0),
		time.UnixMilli(-1),
		time.Date(2038, 1, 19, 3, 14, 8, int(time.Millisecond), time.UTC),
		time.Date(2024, 2, 29, 23, 59, 59, 999*int(time.Millisecond), time.FixedZone("far east", 14*60*60)),
		time.Now().Truncate(time.Millisecond), // with a monotonic reading
	}
}

func roundTripBytesExact(t *trial) {
	data, expiries := oddData(), oddExpiries()
	ids := []uuid.UUID{uuid.Max, {15: 1}, uuid.Must(uuid.NewV7())}
	var records []store.Record
	for i := range max(len(data), len(expiries)) {
		r := newRecord("registry", "name-"+string(rune('a'+i)))
		if i < len(ids) {
			r.ID = ids[i]
		}
		r.Data, r.ExpiresAt = data[i%len(data)], expiries[i%len(expiries)]
		records = append(records, t.put(t.a, r))
	}
	t.wantEverywhere(records)

	// The neighbour's Data and ExpiresAt: what was set is moved and cleared.
	for i, r := range records {
		r.Data, r.ExpiresAt = data[(i+1)%len(data)], expiries[(i+1)%len(expiries)]
		records[i] = t.put(t.b, r)
	}
	t.wantEverywhere(records)
}

// wantEverywhere checks that every way to read finds records, which are all
// there are and in order of their names.
func (t *trial) wantEverywhere(records []store.Record) {
	t.Helper()
	expire := make(map[uuid.UUID]store.Record)
	for _, r := range records {
		t.wantRecord(t.b, r)
		if !r.ExpiresAt.IsZero() {
			expire[r.ID] = r
		}
	}
	t.wantAll("List", t.list(t.b, store.Query{Registry: records[0].Registry, Limit: 100}), records)
	expired := t.expired(t.b, store.MaxTime, 100)
	if len(expired) != len(expire) {
		t.Fatalf("Expired: got %d records, want %d", len(expired), len(expire))
	}
	for _, got := range expired {
		t.wantSame("Expired", got, expire[got.ID])
	}
}

func noAliasing(t *trial) {
	mine := newRecord("registry", "name")
	mine.ExpiresAt = store.MinTime
	mine.Data = []byte("as it was put")
	want := mine
	want.Data = bytes.Clone(mine.Data)
	rev, err := t.a.Put(t.ctx, mine)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	want.Rev = rev
	clear(mine.Data)
	t.wantEverywhere([]store.Record{want})

	reads := []struct {
		what string
		read func() (store.Record, error)
	}{
		{"Get", func() (store.Record, error) { return t.a.Get(t.ctx, want.ID) }},
		{"GetByName", func() (store.Record, error) { return t.a.GetByName(t.ctx, want.Registry, want.Name) }},
		{"List", func() (store.Record, error) {
			return t.list(t.a, store.Query{Registry: want.Registry, Limit: 1})[0], nil
		}},
		{"Expired", func() (store.Record, error) { return t.expired(t.a, store.MaxTime, 1)[0], nil }},
	}
	for _, r := range reads {
		got, err := r.read()
		if err != nil {
			t.Fatalf("%s: %v", r.what, err)
		}
		t.wantSame(r.what, got, want)
		clear(got.Data)
		for _, again := range reads {
			got, err := again.read()
			if err != nil {
				t.Fatalf("%s: %v", again.what, err)
			}
			t.wantSame(again.what+" after the Data that "+r.what+" returned were overwritten: the record", got, want)
		}
	}
}

func createDuplicateID(t *trial) {
	r := t.create(t.a, "registry", "name")
	t.unchanged(func() {
		for _, other := range []store.Record{
			newRecord("registry", "other"),
			newRecord("another", "name"),
			newRecord("registry", "name"),
		} {
			other.ID = r.ID
			_, err := t.b.Put(t.ctx, other)
			t.wantError(err, store.ErrExists, "Put, to create %s with a taken ID,", describe(other))
		}
	})
	t.wantRecord(t.b, r)
	t.wantNoName(t.b, "registry", "other")
	t.wantNoName(t.b, "another", "name")
}

func createDuplicateName(t *trial) {
	r := t.create(t.a, "registry", "name")
	other := newRecord("registry", "name")
	t.unchanged(func() {
		_, err := t.b.Put(t.ctx, other)
		t.wantError(err, store.ErrExists, "Put, to create with a taken name,")
	})
	t.wantRecord(t.b, r)
	t.wantNoID(t.b, other.ID)

	elsewhere := t.create(t.b, "another", "name")
	t.delete(t.b, r)
	t.wantNoName(t.a, "registry", "name")
	t.wantRecord(t.a, t.put(t.a, other)) // the name is free again
	t.wantRecord(t.a, elsewhere)
}

func namesAreByteExact(t *trial) {
	longest := strings.Repeat("n", store.MaxName)
	names := []string{
		"name", "Name", "NAME", "name ", " name", "name  ", "name\t", "name\n",
		"n_me", "n%me", "%", "_", "*", "?", "[a-z]", `\`, `'`, `"`, "/", ".", "..", ":", "|",
		"straße", "strasse", "STRASSE", "stra\u017fe",
		"n\u00e4me", "na\u0308me", "n\u0430me", "\u0130", "i", "\u0131", "I",
		"\u200bname", "\ufeffname", "\u00a0", " ", "\x01", "\x7f", "0", "00", "NULL",
		"\U0010FFFF", longest, longest[1:],
	}
	var records []store.Record
	for _, name := range names {
		records = append(records, t.create(t.a, "registry", name))
	}
	for _, registry := range []string{"", "Registry", "registry ", "registr\u0443", longest} {
		records = append(records, t.create(t.a, registry, "name"))
	}
	// Pairs that are one text when joined.
	for _, pair := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"a/b", "c"}, {"a", "b/c"}, {"a:b", "c"}, {"a", "b:c"}} {
		records = append(records, t.create(t.a, pair[0], pair[1]))
	}
	for _, r := range records {
		t.wantRecord(t.b, r)
	}
	for _, absent := range [][2]string{
		{"registry", "nAme"}, {"registry", "name   "}, {"registry", "n__e"}, {"registry", "na%"},
		{"REGISTRY", "name"}, {" registry", "name"}, {"%", "name"}, {"", "Name"}, {"registry ", "name "},
	} {
		t.wantNoName(t.b, absent[0], absent[1])
	}
}

func replaceMayNotRename(t *trial) {
	r := t.create(t.a, "registry", "name")
	other := t.create(t.a, "registry", "other")
	t.unchanged(func() {
		for _, to := range [][2]string{
			{"registry", "new"}, {"registry", "Name"}, {"registry", "name "}, {"registry", other.Name},
			{"another", "name"}, {"", "name"}, {"Registry", "name"},
		} {
			renamed := r
			renamed.Registry, renamed.Name = to[0], to[1]
			_, err := t.b.Put(t.ctx, renamed)
			t.wantError(err, store.ErrInvalid, "Put, to rename %s to %q/%q,", describe(r), to[0], to[1])
		}
	})
	t.wantNoName(t.b, "registry", "new")
	t.wantNoName(t.b, "another", "name")
}

func staleRevConflicts(t *trial) {
	first := t.create(t.a, "registry", "name")
	other := t.create(t.b, "registry", "other")
	second := first
	second.Data = []byte("second")
	second = t.put(t.b, second)
	t.unchanged(func() {
		for _, rev := range []store.Rev{first.Rev, other.Rev, second.Rev + 1, math.MaxInt64} {
			stale := first
			stale.Data, stale.Rev = []byte("stale"), rev
			_, err := t.a.Put(t.ctx, stale)
			t.wantError(err, store.ErrConflict, "Put, to replace revision %d where %d stands,", rev, second.Rev)
		}
	})
	t.wantRecord(t.a, second)
	t.wantRecord(t.a, other)
}

func replaceMissing(t *trial) {
	gone := t.create(t.a, "registry", "gone")
	t.delete(t.a, gone)
	there := t.create(t.a, "registry", "there")
	t.unchanged(func() {
		for _, name := range []string{"gone", "new", there.Name} {
			for _, rev := range []store.Rev{1, gone.Rev, there.Rev} {
				missing := newRecord("registry", name)
				missing.Rev = rev
				_, err := t.b.Put(t.ctx, missing)
				t.wantError(err, store.ErrNotFound, "Put, to replace a missing %s,", describe(missing))
			}
		}
		_, err := t.b.Put(t.ctx, gone)
		t.wantError(err, store.ErrNotFound, "Put, to replace a deleted record,")
	})
	t.wantNoID(t.b, gone.ID)
}

func deleteStaleAndMissing(t *trial) {
	first := t.create(t.a, "registry", "name")
	other := t.create(t.b, "registry", "other")
	second := t.put(t.b, first)
	t.unchanged(func() {
		for _, rev := range []store.Rev{first.Rev, other.Rev, second.Rev + 1, math.MaxInt64} {
			_, err := t.a.Delete(t.ctx, first.ID, rev)
			t.wantError(err, store.ErrConflict, "Delete of revision %d where %d stands", rev, second.Rev)
		}
		_, err := t.a.Delete(t.ctx, uuid.New(), second.Rev)
		t.wantError(err, store.ErrNotFound, "Delete of a missing record")
	})
	t.delete(t.a, second)
	t.wantNoID(t.b, second.ID)
	t.wantNoName(t.b, second.Registry, second.Name)
	_, err := t.b.Delete(t.ctx, second.ID, second.Rev)
	t.wantError(err, store.ErrNotFound, "Delete of a deleted record")
	t.wantRecord(t.b, other)
}

func recreateSameIDNoABA(t *trial) {
	first := t.create(t.a, "registry", "name")
	stale := []store.Rev{first.Rev, t.delete(t.a, first)}
	again := first
	again.Rev, again.Data = 0, []byte("the second life")
	again = t.put(t.b, again)
	if again.Rev <= stale[1] {
		t.Fatalf("the record made again got revision %d, and its predecessor was deleted by %d", again.Rev, stale[1])
	}
	t.unchanged(func() {
		for _, rev := range stale {
			r := first
			r.Rev = rev
			_, err := t.a.Put(t.ctx, r)
			t.wantError(err, store.ErrConflict, "Put that rests on the record's former life")
			_, err = t.a.Delete(t.ctx, r.ID, rev)
			t.wantError(err, store.ErrConflict, "Delete that rests on the record's former life")
		}
	})
	t.wantRecord(t.a, again)
}

func revsStoreWideIncreasing(t *trial) {
	var last store.Rev
	next := func(what string, rev store.Rev) {
		t.Helper()
		if rev <= last {
			t.Fatalf("%s got revision %d, after %d", what, rev, last)
		}
		last = rev
	}
	handles := []store.Store{t.a, t.b}
	for round := range 3 {
		s, other := handles[round%2], handles[(round+1)%2]
		one := t.create(s, "registry", "one")
		next("a creation", one.Rev)
		two := t.create(other, "another", "two")
		next("another record's creation", two.Rev)
		one = t.put(other, one)
		next("a replacement", one.Rev)
		two = t.put(s, two)
		next("a replacement", two.Rev)
		t.wantRecord(s, one)
		t.wantRecord(other, two)
		next("a deletion", t.delete(s, two))
		t.wantRecord(other, one)
		next("a deletion", t.delete(other, one))
	}
}

func secondHandleReadsWrites(t *trial) {
	for _, way := range []struct{ writer, reader store.Store }{{t.a, t.b}, {t.b, t.a}} {
		r := newRecord("registry", "name")
		t.wantNoID(way.reader, r.ID) // an answer not to be remembered
		t.wantNoName(way.reader, r.Registry, r.Name)
		r.ExpiresAt = store.MinTime
		r = t.put(way.writer, r)
		for range 3 {
			t.wantRecord(way.reader, r)
			t.wantAll("List", t.list(way.reader, store.Query{Registry: r.Registry, Limit: 2}), []store.Record{r})
			t.wantAll("Expired", t.expired(way.reader, store.MaxTime, 2), []store.Record{r})
			r.Data = append(r.Data, "..."...)
			r = t.put(way.writer, r)
		}
		t.wantRecord(way.reader, r)
		t.delete(way.writer, r)
		t.wantNoID(way.reader, r.ID)
		t.wantNoName(way.reader, r.Registry, r.Name)
	}
}
