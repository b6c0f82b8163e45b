package store_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A run that is overtaken writes nothing more: not even where the other came to
// its end and tokens have been revoked since.
func TestCopyOvertaken(t *testing.T) {
	const first = 3 // the looks before are those that place the marker
	for n := first; ; n++ {
		from, to := small(t)
		var want []store.Record
		faulty := &faultyStore{Store: to, beforeLook: func(look int) {
			if look != n {
				return
			}
			_, err := store.Copy(t.Context(), to, from, overwrite)
			require.NoError(t, err)
			remove(t, to, record("s", "e", "").ID)
			want = contents(t, to)
		}}
		_, err := store.Copy(t.Context(), faulty, from, overwrite)
		if want == nil {
			require.NoError(t, err)
			require.Greater(t, n, first+len(contents(t, from)), "it has been through all looks")
			return
		}
		require.ErrorIs(t, err, store.ErrConflict, "overtaken at look %d", n)
		require.Equal(t, want, contents(t, to))
	}
}

// Overtaken between its look and its write, it makes that one write at most;
// and the other mends it if it has not come to its end.
func TestCopyOvertakenAtAWrite(t *testing.T) {
	a, b, c := record("", "a", ""), record("", "b", ""), record("", "c", "")
	from, to := storeOf(t, a, b, c), memstore.New()
	faulty := &faultyStore{Store: to}
	faulty.beforeWrite = func(n int) {
		if n != 2 {
			return
		}
		// The other is interrupted as it is about to remove its marker, which
		// is its last write.
		_, err := store.Copy(t.Context(), &faultyStore{Store: to, failAt: 5, fault: crashed}, from, nil)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.Len(t, contents(t, to), 4)
		remove(t, from, a.ID)
		remove(t, to, a.ID)
	}
	_, err := store.Copy(t.Context(), faulty, from, nil)
	require.ErrorIs(t, err, store.ErrConflict)
	require.Len(t, contents(t, to), 4, "a has come back")

	report, err := store.Copy(t.Context(), to, from, nil)
	require.NoError(t, err)
	require.Equal(t, store.CopyReport{Phase: store.PhaseFinished, Read: 2, Unchanged: 2, Deleted: 1}, report)
	require.Equal(t, contents(t, from), contents(t, to))
}

// Overtaken as it removes the marker, it leaves the other's.
func TestCopyOvertakenAtTheEnd(t *testing.T) {
	from, to := storeOf(t, record("", "a", "")), memstore.New()
	faulty := &faultyStore{Store: to, beforeWrite: func(n int) {
		if n == 3 {
			_, err := store.Copy(t.Context(), &faultyStore{Store: to, failAt: 2, fault: crashed}, from, nil)
			require.ErrorIs(t, err, store.ErrUnavailable)
		}
	}}
	_, err := store.Copy(t.Context(), faulty, from, nil)
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = store.Copy(t.Context(), memstore.New(), to, nil)
	require.ErrorIs(t, err, store.ErrUnfinished)
}

// A run that took over looks twice, even if the first time it finds all well:
// the other may have been at a write.
func TestCopyTakingOverVerifies(t *testing.T) {
	from, to := storeOf(t, manyRecords()...), memstore.New()
	_, err := store.Copy(t.Context(), &faultyStore{Store: to, failAt: 252, fault: crashed}, from, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)
	late := record("", "late", "")
	_, err = store.Copy(t.Context(), to, from, &store.CopyOptions{Progress: func(r store.CopyReport) {
		if r.Phase == store.PhaseCopying && r.Read == 200 {
			put(t, to, late)
		}
	}})
	require.NoError(t, err)
	require.Equal(t, contents(t, from), contents(t, to))
}

func TestCopiesAtOnce(t *testing.T) {
	for range 20 {
		from, to := storeOf(t, manyRecords()...), memstore.New()
		errs := make([]error, 4)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = store.Copy(t.Context(), to, from, nil) })
		}
		all.Wait()
		finished := 0
		for _, err := range errs {
			switch {
			case err == nil:
				finished++
			case errors.Is(err, store.ErrDiffers): // it came as another had just begun, and wrote nothing
			default:
				require.ErrorIs(t, err, store.ErrConflict)
			}
		}
		require.Positive(t, finished, "the last to begin: %v", errs)
		require.Equal(t, contents(t, from), contents(t, to))
	}
}
