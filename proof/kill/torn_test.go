package kill_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// A moment is what a store stood at when a write had been acknowledged, and
// nothing else was on its way.
type moment struct {
	states map[string]state
	cursor store.Cursor
	log    int64 // how long the log was
}

// TestTornLog destroys the end of SQLite's log, from a random byte on, as a
// disk does that acknowledged what it had not kept. What is left must be what
// it was before the first write that was hit, and all of that; so if that
// write was not acknowledged, nothing that was is lost. Whoever followed the
// feed beyond it must be told.
func TestTornLog(t *testing.T) {
	random := newRandom(t)
	for range rounds(25) {
		file, moments := writeSlowly(t, random, 40)
		for range rounds(1) {
			suffixes := []string{"", wal, shm}[:2+random.IntN(2)]
			copied := copyDatabase(t, file, suffixes...)
			at, how := tear(t, random, copied+wal)
			kept := 0
			for kept+1 < len(moments) && moments[kept+1].log <= at {
				kept++
			}
			s := open(t, target.SQLite(copied))
			err := checkPrefix(t.Context(), s, moments, kept)
			require.NoError(t, errors.Join(err, s.Close()), "%s at %d of %d", how, at, moments[len(moments)-1].log)
		}
	}
}

// writeSlowly lets a process make one write after the other, kills it, and
// returns the file and the moments between the writes.
func writeSlowly(t *testing.T, random *rand.Rand, writes int) (file string, moments []moment) {
	t.Helper()
	name := onSQLite.fresh(t)
	onSQLite.look(t, name)
	process := startFrontEnd(t, frontend.Config{Target: name, Idle: true})
	moments = takeMoments(t, path(name), process, random, writes, func() store.Cursor {
		head, err := process.DoStore("Head", frontend.StoreCall{})
		require.NoError(t, err)
		require.Empty(t, head.Outcome, head.Detail)
		return head.Cursor
	})
	require.NoError(t, process.Signal(syscall.SIGKILL))
	process.Close()
	return path(name), moments
}

// takeMoments makes writes to a file, and returns the moments before, between
// and behind them.
func takeMoments(t *testing.T, file string, f frontEnd, random *rand.Rand, writes int, head func() store.Cursor) (moments []moment) {
	t.Helper()
	w := &writers{ledger: newLedger()}
	for {
		moments = append(moments, moment{w.ledger.certain(), head(), size(t, file+wal)})
		if len(moments) > writes {
			break
		}
		r, err := w.step(f, fmt.Sprintf("token-%d", random.IntN(6)), random)
		require.NoError(t, err)
		require.Empty(t, r.Outcome, r.Detail)
	}
	// A log that has been begun anew is longer than what it holds.
	for i := 1; i < len(moments); i++ {
		require.Greater(t, moments[i].log, moments[i-1].log)
	}
	return moments
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return info.Size()
}

// tear destroys a file from a byte on, in one of several ways.
func tear(t *testing.T, random *rand.Rand, file string) (at int64, how string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at = random.Int64N(int64(len(content)) + 1)
	end := len(content)
	switch random.IntN(4) {
	case 0:
		how, content = "cut off", content[:at]
	case 1:
		how = "garbage to the end"
		content = append(content, make([]byte, random.IntN(10_000))...)
		end = len(content)
	case 2:
		how = "garbage in between"
		end = int(at) + random.IntN(end-int(at)+1)
		end = max(end, min(int(at)+1, len(content)))
	default:
		how = "one bit"
		if int(at) < len(content) {
			content[at] ^= 1 << random.IntN(8)
		}
		end = int(at)
	}
	for i := int(at); i < min(end, len(content)); i++ {
		content[i] ^= byte(1 + random.IntN(255))
	}
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return at, how
}

// checkPrefix checks that a store stands at the moment kept, with a feed that
// ends there, and that new writes do not hide it from who had been further.
func checkPrefix(ctx context.Context, s store.Store, moments []moment, kept int) error {
	now, err := inspect(ctx, s, &picture{cursor: moments[0].cursor})
	if err != nil {
		return err
	}
	if len(now.changes) != kept {
		return fmt.Errorf("the feed holds %d writes, not %d", len(now.changes), kept)
	}
	f, err := newLocalFrontEnd(s)
	if err != nil {
		return err
	}
	defer f.Close()
	found, err := listed(f)
	if err != nil {
		return err
	}
	if !maps.Equal(found, moments[kept].states) {
		return fmt.Errorf("of %d writes %d must be there: found %v, not %v", len(moments)-1, kept, found, moments[kept].states)
	}
	if err := checkCursors(ctx, s, moments, kept); err != nil {
		return err
	}
	// The revisions of what was lost come again.
	for lost := len(moments) - 1 - kept; lost >= 0; lost -= writesToWork {
		if err := checkWorks(f); err != nil {
			return err
		}
	}
	return checkCursors(ctx, s, moments, kept)
}

// checkCursors: those up to the moment kept are good, and no others.
func checkCursors(ctx context.Context, s store.Store, moments []moment, kept int) error {
	for i, m := range moments {
		_, err := s.Changes(ctx, m.cursor, 1000)
		if i <= kept && err != nil || i > kept && !errors.Is(err, store.ErrCursorExpired) {
			return errors.Join(fmt.Errorf("with %d writes left, the cursor behind write %d is answered otherwise", kept, i), err)
		}
	}
	return nil
}
