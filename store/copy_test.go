package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

var overwrite = &store.CopyOptions{Overwrite: true}

// record returns a record to create, the same for the same arguments.
func record(registry, name, data string) store.Record {
	id := uuid.NewSHA1(uuid.Nil, []byte(registry+"/"+name))
	return store.Record{ID: id, Registry: registry, Name: name, Data: []byte(data)}
}

// put writes a record over whatever has its ID.
func put(t testing.TB, s store.Store, r store.Record) {
	t.Helper()
	r.Rev = 0
	if old, err := s.Get(t.Context(), r.ID); err == nil {
		r.Rev = old.Rev
	}
	_, err := s.Put(t.Context(), r)
	require.NoError(t, err)
}

func remove(t testing.TB, s store.Store, id uuid.UUID) {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	_, err = s.Delete(t.Context(), id, r.Rev)
	require.NoError(t, err)
}

// storeOf returns a store of these records.
func storeOf(t testing.TB, records ...store.Record) *memstore.Store {
	t.Helper()
	s := memstore.New()
	for _, r := range records {
		put(t, s, r)
	}
	return s
}

// contents returns all records of a store, without revisions.
func contents(t testing.TB, s store.Store) []store.Record {
	t.Helper()
	page, err := s.List(context.Background(), store.Query{AllRegistries: true, Limit: 1 << 20})
	require.NoError(t, err)
	require.Empty(t, page.Next)
	for i := range page.Records {
		page.Records[i].Rev = 0
	}
	return page.Records
}

func head(t testing.TB, s store.Store) store.Cursor {
	t.Helper()
	c, err := s.Head(t.Context())
	require.NoError(t, err)
	return c
}

// manyRecords returns records of several registries that take several pages.
func manyRecords() []store.Record {
	var records []store.Record
	for i := range 250 {
		records = append(records, record(fmt.Sprintf("registry-%d", i%3), fmt.Sprintf("name-%03d", i), fmt.Sprint(i)))
	}
	return records
}

func TestCopyIsExact(t *testing.T) {
	dated := func(r store.Record, at time.Time) store.Record {
		r.ExpiresAt = at
		return r
	}
	records := append(manyRecords(),
		record("", "name", ""),
		record("", "NAME", "\x00\xff\n"),
		record("regtoken", "a", "1"),
		record("regtoken copy in progres", "marker", "no marker"),
		record("regtoken copy in progress ", "marker", "no marker"),
		record("é/%' --", "x y\t☃", `{"v":99}`),
		record(strings.Repeat("r", store.MaxName), strings.Repeat("n", store.MaxName), "long"),
		record("large", "large", strings.Repeat("x", store.MaxData)),
		dated(record("dated", "first", "1"), store.MinTime),
		dated(record("dated", "expired", "2"), time.Date(2001, 2, 3, 4, 5, 6, 7e6, time.UTC)),
		dated(record("dated", "last", "3"), store.MaxTime),
	)
	from, to := storeOf(t, records...), memstore.New()
	var told []store.CopyReport
	report, err := store.Copy(t.Context(), to, from, &store.CopyOptions{
		Progress: func(r store.CopyReport) { told = append(told, r) },
	})
	require.NoError(t, err)
	require.Equal(t, contents(t, from), contents(t, to))
	n := len(records)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: n, Unchanged: n, Created: n}, report)
	require.Equal(t, []store.CopyReport{
		{Phase: store.PhaseCopying, Read: 100, Created: 100},
		{Phase: store.PhaseCopying, Read: 200, Created: 200},
		{Phase: store.PhaseVerifying, Read: 100, Unchanged: 100, Created: n},
		{Phase: store.PhaseVerifying, Read: 200, Unchanged: 200, Created: n},
		report,
	}, told)

	before := head(t, to)
	for _, opts := range []*store.CopyOptions{nil, {}} {
		report, err = store.Copy(t.Context(), to, from, opts)
		require.NoError(t, err)
		require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: n, Unchanged: n}, report)
		require.Equal(t, before, head(t, to), "not a single write")
	}
	report, err = store.Copy(t.Context(), to, from, overwrite)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: n, Unchanged: n}, report)
	require.Equal(t, contents(t, from), contents(t, to))
}

func TestCopyOfNothing(t *testing.T) {
	to := memstore.New()
	report, err := store.Copy(t.Context(), to, memstore.New(), nil)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished}, report)
	require.Empty(t, contents(t, to))
}

// A store may return fewer records than asked for without being at the end.
func TestCopyReadsShortPages(t *testing.T) {
	old := record("registry-1", "name-000", "not at the source")
	for _, size := range []int{1, 2, 7} {
		from, to := storeOf(t, manyRecords()...), storeOf(t, old)
		_, err := store.Copy(t.Context(), &faultyStore{Store: to, maxPage: size}, &faultyStore{Store: from, maxPage: size}, overwrite)
		require.NoError(t, err)
		require.Equal(t, contents(t, from), contents(t, to))
	}
}

// The danger that all is about: what was revoked at the destination comes back.
func TestCopyRevivesNothing(t *testing.T) {
	kept, revoked := record("eu", "kept", "1"), record("eu", "revoked", "2")
	narrowed := record("us", "narrowed", "all rights")
	from, to := storeOf(t, kept, revoked, narrowed), memstore.New()
	_, err := store.Copy(t.Context(), to, from, nil)
	require.NoError(t, err)

	remove(t, to, revoked.ID)
	narrowed.Data = []byte("few rights")
	put(t, to, narrowed)
	put(t, to, record("us", "new", "3"))
	put(t, to, record("", "new", "4"))
	before := head(t, to)
	report, err := store.Copy(t.Context(), to, from, nil)
	require.ErrorIs(t, err, store.ErrDiffers)
	require.ErrorContains(t, err, "at 4 names")
	require.ErrorContains(t, err, `"new" of registry ""`)
	require.ErrorContains(t, err, "the source lacks")
	require.Equal(t, store.CopyReport{Phase: store.PhaseComparing, Read: 3, Unchanged: 1}, report)
	require.Equal(t, before, head(t, to), "nothing was written")

	report, err = store.Copy(t.Context(), to, from, overwrite)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: 3, Unchanged: 3, Created: 1, Replaced: 1, Deleted: 2}, report)
	require.Equal(t, contents(t, from), contents(t, to))
}

func TestCopySaysWhatDiffers(t *testing.T) {
	r := record("eu", "ci", "1")
	other := r
	other.ID = uuid.New()
	edited, dated := r, r
	edited.Data, dated.ExpiresAt = []byte("2"), store.MinTime
	more := record("eu", "z", "")
	for _, row := range []struct {
		name     string
		from, to []store.Record
		says     string
	}{
		{"only at the source", []store.Record{r, more}, []store.Record{more}, `at 1 names, the first of them token "ci" of registry "eu" (` + r.ID.String() + "), which it lacks"},
		{"only at the destination", []store.Record{more}, []store.Record{r, more}, "which the source lacks"},
		{"another of that name", []store.Record{r}, []store.Record{other}, "which is " + other.ID.String() + " there"},
		{"data", []store.Record{r}, []store.Record{edited}, `"ci"`},
		{"expiry", []store.Record{r}, []store.Record{dated}, `"ci"`},
		{"everything", []store.Record{}, []store.Record{r}, `"ci"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			from, to := storeOf(t, row.from...), storeOf(t, row.to...)
			_, err := store.Copy(t.Context(), to, from, nil)
			require.ErrorIs(t, err, store.ErrDiffers)
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestCopyOfNothingOverwritesNothing(t *testing.T) {
	to := storeOf(t, manyRecords()...)
	before := head(t, to)
	_, err := store.Copy(t.Context(), to, memstore.New(), overwrite)
	require.ErrorIs(t, err, store.ErrInvalid)
	require.ErrorContains(t, err, "without records")
	require.Equal(t, before, head(t, to))
}

// Names move between IDs, in a circle and out of it; what stands in the way is
// at the destination under names that come before and behind.
func TestCopyWhereNamesMoved(t *testing.T) {
	named := func(r store.Record, name string) store.Record {
		r.Name = name
		return r
	}
	a, b, c, d, e := record("", "a", "1"), record("", "b", "2"), record("", "c", "3"), record("", "d", "4"), record("", "e", "5")
	for _, row := range []struct {
		name     string
		from, to []store.Record
	}{
		{"a name has a new token", []store.Record{named(e, "a")}, []store.Record{a}},
		{"two swap", []store.Record{named(b, "a"), named(a, "b")}, []store.Record{a, b}},
		{"a circle", []store.Record{named(b, "a"), named(c, "b"), named(d, "c"), named(a, "d")}, []store.Record{a, b, c, d}},
		{"a chain forwards", []store.Record{named(a, "b"), named(b, "c"), named(c, "d")}, []store.Record{a, b, c, d}},
		{"a chain backwards", []store.Record{named(d, "c"), named(c, "b"), named(b, "a")}, []store.Record{a, b, c, d}},
		{"to a free name before", []store.Record{named(e, "a"), b}, []store.Record{b, e}},
		{"to a free name behind", []store.Record{b, named(a, "e")}, []store.Record{a, b}},
	} {
		t.Run(row.name, func(t *testing.T) {
			from, to := storeOf(t, row.from...), storeOf(t, row.to...)
			report, err := store.Copy(t.Context(), to, from, overwrite)
			require.NoError(t, err)
			require.Equal(t, contents(t, from), contents(t, to))
			require.Equal(t, report.Read, report.Unchanged, "nothing was left to mend to the verifying")
		})
	}
}

// Half of the records are not the truth.
func TestCopyFromUnfinishedCopy(t *testing.T) {
	source, half := storeOf(t, manyRecords()...), memstore.New()
	_, err := store.Copy(t.Context(), &faultyStore{Store: half, failAt: 100, fault: crashed}, source, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)

	to := memstore.New()
	for _, opts := range []*store.CopyOptions{nil, overwrite} {
		report, err := store.Copy(t.Context(), to, half, opts)
		require.ErrorIs(t, err, store.ErrUnfinished)
		require.Zero(t, report)
		require.Empty(t, contents(t, to))
	}

	// A source that becomes one meanwhile is none either.
	finished := storeOf(t, manyRecords()...)
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n != 10 {
			return
		}
		_, err := store.Copy(t.Context(), &faultyStore{Store: finished, failAt: 2, fault: crashed}, storeOf(t, record("", "other", "")), overwrite)
		require.ErrorIs(t, err, store.ErrUnavailable)
	}}
	_, err = store.Copy(t.Context(), faulty, finished, nil)
	require.ErrorIs(t, err, store.ErrUnfinished)
	_, err = store.Copy(t.Context(), memstore.New(), to, nil)
	require.ErrorIs(t, err, store.ErrUnfinished, "and so is what was made of it")
}

func TestCopyOntoItself(t *testing.T) {
	for _, records := range [][]store.Record{nil, manyRecords()} {
		s := storeOf(t, records...)
		want := contents(t, s)
		_, err := store.Copy(t.Context(), &faultyStore{Store: s}, s, overwrite)
		require.ErrorIs(t, err, store.ErrInvalid)
		require.Equal(t, want, contents(t, s))
	}
	s := storeOf(t, manyRecords()...)
	_, err := store.Copy(t.Context(), s, s, nil)
	require.NoError(t, err, "it equals itself")
}

func TestCopyEndsWithItsContext(t *testing.T) {
	from, to := storeOf(t, manyRecords()...), memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	report, err := store.Copy(ctx, to, from, &store.CopyOptions{Progress: func(store.CopyReport) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, store.CopyReport{Phase: store.PhaseCopying, Read: 100, Created: 100}, report)
	require.Len(t, contents(t, to), 101, "and the marker")

	_, err = store.Copy(ctx, to, from, nil)
	require.ErrorIs(t, err, context.Canceled)
	report, err = store.Copy(t.Context(), to, from, nil)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: 250, Unchanged: 250, Created: 150}, report)
	require.Equal(t, contents(t, from), contents(t, to))

	// Where the acknowledgement is what the end of the context ate.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = store.Copy(ctx, &faultyStore{Store: memstore.New(), failAt: 1, fault: unknownAndEnded, cancel: cancel}, from, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// The marker tells an operator what it is, in JSON.
func TestCopyMarker(t *testing.T) {
	from, to := storeOf(t, record("", "a", "1")), memstore.New()
	faulty := &faultyStore{Store: to, failAt: 2, fault: crashed}
	_, err := store.Copy(t.Context(), faulty, from, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, `destination: writing token "a" of registry ""`)
	found := contents(t, to)
	require.Len(t, found, 1)
	require.Equal(t, []string{"regtoken copy in progress", "marker"}, []string{found[0].Registry, found[0].Name})
	require.True(t, bytes.HasPrefix(found[0].Data, []byte(`{"run":"`)), "%s", found[0].Data)
}
