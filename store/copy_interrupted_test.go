package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// small returns a source and a destination that take every kind of write.
func small(t testing.TB) (from, to *memstore.Store) {
	t.Helper()
	a, b, c, d, e := record("", "a", "1"), record("", "b", "2"), record("r", "c", "3"), record("r", "d", "4"), record("s", "e", "5")
	to = storeOf(t, a, b, c, d)
	a.Name, b.Name = "b", "a"
	c.Data = []byte("edited")
	from = storeOf(t, a, b, c, e)
	return from, to
}

// Interrupted at every single write in every way, and run again, a copy is
// complete. What was not begun, Overwrite has to be said again for.
func TestCopyInterruptedAnywhere(t *testing.T) {
	for _, f := range []fault{refused, foreign, unknown, unknownApplied, crashed, crashedApplied, unknownAndEnded} {
		for _, opts := range []*store.CopyOptions{nil, overwrite} {
			t.Run(fmt.Sprintf("%s, overwrite %t", f, opts != nil), func(t *testing.T) {
				for n := 1; ; n++ {
					from, to := small(t)
					if opts == nil {
						to = memstore.New()
					}
					ctx, cancel := context.WithCancel(t.Context())
					faulty := &faultyStore{Store: to, failAt: n, fault: f, cancel: cancel}
					_, err := store.Copy(ctx, faulty, from, opts)
					cancel()
					if faulty.writes < n {
						require.NoError(t, err)
						require.Greater(t, n, len(contents(t, from)), "it has been through all writes")
						return
					}
					switch f {
					case refused, crashed:
						require.ErrorIs(t, err, store.ErrUnavailable)
					case unknown, unknownApplied:
						require.NoError(t, err, "write %d settles itself", n)
					}
					faulty.heal()
					_, err = store.Copy(t.Context(), faulty, from, opts)
					require.NoError(t, err, "again, after write %d", n)
					require.Equal(t, contents(t, from), contents(t, to))
					before := head(t, to)
					_, err = store.Copy(t.Context(), to, from, nil)
					require.NoError(t, err)
					require.Equal(t, before, head(t, to), "there is nothing left to do")
				}
			})
		}
	}
}

// An overwriting copy that was interrupted goes on without being told again.
func TestCopyInterruptedOverwriteGoesOn(t *testing.T) {
	from, to := small(t)
	_, err := store.Copy(t.Context(), &faultyStore{Store: to, failAt: 3, fault: crashed}, from, overwrite)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = store.Copy(t.Context(), to, from, nil)
	require.NoError(t, err)
	require.Equal(t, contents(t, from), contents(t, to))
}

// A source in use: what was written before the end of the last look at the
// feed is at the destination.
func TestCopyFollowsTheSource(t *testing.T) {
	for n := range 8 {
		from, to := small(t)
		faulty := &faultyStore{Store: to, beforeWrite: func(i int) {
			if i != n+1 {
				return
			}
			// Names swap back, one goes and comes under another ID, one is new.
			a, b := record("", "a", "1"), record("", "b", "2")
			remove(t, from, a.ID)
			remove(t, from, b.ID)
			put(t, from, a)
			put(t, from, b)
			c := record("r", "c", "3")
			remove(t, from, c.ID)
			c.ID = record("", "c", "").ID
			put(t, from, c)
			remove(t, from, record("s", "e", "").ID)
			put(t, from, record("", "0", "new"))
		}}
		report, err := store.Copy(t.Context(), faulty, from, overwrite)
		require.NoError(t, err)
		require.Equal(t, contents(t, from), contents(t, to), "changed before write %d", n+1)
		require.Equal(t, store.PhaseFinished, report.Phase)
	}
}

// More was written to the source than the feed tells at once.
func TestCopyFollowsForLong(t *testing.T) {
	from, to := storeOf(t, record("", "z", "")), memstore.New()
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n == 2 {
			for _, r := range manyRecords() {
				put(t, from, r)
			}
		}
	}}
	var told []int
	_, err := store.Copy(t.Context(), faulty, from, &store.CopyOptions{Progress: func(r store.CopyReport) {
		if r.Phase == store.PhaseCopying {
			told = append(told, r.Created)
		}
	}})
	require.NoError(t, err)
	require.Equal(t, contents(t, from), contents(t, to))
	require.Equal(t, []int{101, 201}, told)
}

func TestCopyWhereTheFeedIsTrimmed(t *testing.T) {
	for _, row := range []struct {
		trims int
		want  error
	}{{1, nil}, {4, nil}, {1000, store.ErrCursorExpired}} {
		source, to := storeOf(t, manyRecords()...), memstore.New()
		expired := 0
		from := &faultyStore{Store: source, changes: func() error {
			if expired == row.trims {
				return nil
			}
			expired++
			put(t, source, record("", fmt.Sprint("since-", expired), ""))
			return store.ErrCursorExpired
		}}
		_, err := store.Copy(t.Context(), to, from, nil)
		require.ErrorIs(t, err, row.want)
		if row.want == nil {
			require.Equal(t, row.trims, expired)
			require.Equal(t, contents(t, source), contents(t, to))
			continue
		}
		_, err = store.Copy(t.Context(), to, source, nil)
		require.NoError(t, err)
		require.Equal(t, contents(t, source), contents(t, to))
	}
}

// While a copy is unfinished the source is the truth: what others write to the
// destination meanwhile does not stay, and does not stop it.
func TestCopyMendsWhatOthersWrite(t *testing.T) {
	from, to := storeOf(t, manyRecords()...), memstore.New()
	random := rand.New(rand.NewPCG(1, 2))
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n%3 != 0 || n > 200 {
			return
		}
		r := manyRecords()[random.IntN(250)]
		if n%2 == 0 {
			r.ID = record("taken", fmt.Sprint(n), "").ID // its name is
		}
		_, _ = to.Put(t.Context(), r) // if it is not there yet
	}}
	_, err := store.Copy(t.Context(), faulty, from, nil)
	require.NoError(t, err)
	require.Equal(t, contents(t, from), contents(t, to))
}

// A create that arrives twice has happened.
func TestCopyLeavesWhatIsThere(t *testing.T) {
	r := record("", "a", "1")
	from, to := storeOf(t, r), memstore.New()
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n == 2 {
			put(t, to, r)
		}
	}}
	report, err := store.Copy(t.Context(), faulty, from, nil)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: 1, Unchanged: 1}, report)
}

// A destination that never acknowledges anything gets what it is sent, and is
// not believed.
func TestCopyNeverAcknowledged(t *testing.T) {
	from, to := storeOf(t, manyRecords()...), memstore.New()
	for _, row := range []struct {
		fault fault
		want  error
	}{{unknown, store.ErrUnknown}, {unknownApplied, nil}} {
		faulty := &faultyStore{Store: to, fault: row.fault}
		faulty.beforeWrite = func(n int) { faulty.failAt = n }
		_, err := store.Copy(t.Context(), faulty, from, nil)
		require.ErrorIs(t, err, row.want)
	}
	require.Equal(t, contents(t, from), contents(t, to))
}

// A rival that never stops is told of.
func TestCopyGivesUpAgainstOthers(t *testing.T) {
	from, to := storeOf(t, record("", "a", "1")), memstore.New()
	rival := record("", "a", "rival")
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n > 1 {
			rival.Data = fmt.Append(nil, "rival ", n)
			put(t, to, rival)
		}
	}}
	_, err := store.Copy(t.Context(), faulty, from, nil)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, rival.ID.String())
}

// Sources and destinations that have grown apart, sources in use, faults and
// short pages, by the seed.
func TestCopyRandomly(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		scramble := func(s store.Store, writes int) {
			for range writes {
				r := record("", fmt.Sprint(random.IntN(8)), fmt.Sprint(random.IntN(3)))
				r.Name = fmt.Sprint(random.IntN(8)) // an ID has had any name
				old, err := s.Get(t.Context(), r.ID)
				switch {
				case err != nil:
					_, _ = s.Put(t.Context(), r) // if the name is free
				case random.IntN(2) == 0:
					remove(t, s, r.ID)
				default:
					old.Data = r.Data
					put(t, s, old)
				}
			}
		}
		source, to := memstore.New(), memstore.New()
		put(t, source, record("", "always", ""))
		scramble(source, 30)
		scramble(to, random.IntN(2)*30)
		left := 20 // writes to the source while it is copied
		inUse := func() {
			n := min(left, random.IntN(4))
			left -= n
			scramble(source, n)
		}
		faulty := &faultyStore{
			Store: to, failAt: 1 + random.IntN(12), maxPage: 1 + random.IntN(4), beforeList: inUse,
			fault: []fault{healthy, unknown, unknownApplied, crashed, crashedApplied}[random.IntN(5)],
		}
		from := &faultyStore{
			Store: source, maxPage: 1 + random.IntN(4), beforeList: inUse,
			changes: func() error { inUse(); return nil },
		}
		if _, err := store.Copy(t.Context(), faulty, from, overwrite); err != nil {
			require.ErrorIs(t, err, store.ErrUnavailable, "seed %d", seed)
			faulty.heal()
			_, err = store.Copy(t.Context(), faulty, from, overwrite)
			require.NoError(t, err, "seed %d", seed)
		}
		require.Equal(t, contents(t, source), contents(t, to), "seed %d", seed)
	}
}
