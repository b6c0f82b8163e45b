package kill_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// A lenient store knows every cursor.
type lenient struct{ store.Store }

func (s lenient) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	b, err := s.Store.Changes(ctx, after, limit)
	if errors.Is(err, store.ErrCursorExpired) {
		return store.Batch{Next: after, CaughtUp: true}, nil
	}
	return b, err
}

// TestTornLogFindsMutants takes a part of a log for more than it is, and for
// less, and has cursors outlive what they stood behind.
func TestTornLogFindsMutants(t *testing.T) {
	random := newRandom(t)
	name := onSQLite.fresh(t)
	onSQLite.look(t, name)
	s := open(t, name)
	f, err := newLocalFrontEnd(s)
	require.NoError(t, err)
	moments := takeMoments(t, path(name), f, random, 12, func() store.Cursor {
		cursor, err := s.Head(t.Context())
		require.NoError(t, err)
		return cursor
	})
	f.Close()
	const kept = 7
	wrongState := append([]moment(nil), moments...)
	wrongState[kept].states = moments[kept-1].states
	for mutation, mutant := range map[string]struct {
		moments []moment
		lenient bool
		kept    int
		found   string
	}{
		"nothing wrong":                 {moments: moments, kept: kept},
		"an acknowledged write is lost": {moments: moments, kept: kept + 1, found: "the feed holds 7 writes, not 8"},
		"more is there than can be":     {moments: moments, kept: kept - 1, found: "the feed holds 7 writes, not 6"},
		"a write in between is lost":    {moments: wrongState, kept: kept, found: "of 12 writes 7 must be there"},
		"a cursor outlives its write":   {moments: moments, lenient: true, kept: kept, found: "the cursor behind write 8"},
	} {
		t.Run(mutation, func(t *testing.T) {
			copied := copyDatabase(t, path(name), "", wal)
			require.NoError(t, os.Truncate(copied+wal, moments[kept].log))
			torn := open(t, target.SQLite(copied))
			if mutant.lenient {
				torn = lenient{torn}
			}
			requireFound(t, checkPrefix(t.Context(), torn, mutant.moments, mutant.kept), mutant.found)
		})
	}
}
