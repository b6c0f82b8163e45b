package kill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/store"
)

// An effect is what became of a write.
type effect string

// The effects. Half of a write must never be.
const (
	done    effect = "happened"
	notDone effect = "did not happen"
	half    effect = "half"
)

// A write is one of the port: the creation or replacement of a record, or its
// deletion.
type write struct {
	before store.Record // Rev 0: there is none
	after  store.Record // Rev 0: there is none
}

func (w write) do(ctx context.Context, s store.Store) error {
	if w.isDeletion() {
		_, err := s.Delete(ctx, w.before.ID, w.before.Rev)
		return err
	}
	_, err := s.Put(ctx, w.after)
	return err
}

func (w write) isDeletion() bool { return w.after.ID == uuid.Nil }

func (w write) id() uuid.UUID {
	if w.isDeletion() {
		return w.before.ID
	}
	return w.after.ID
}

// effectIn reads what the write has led to.
func (w write) effectIn(ctx context.Context, s store.Store) (effect, error) {
	found, err := s.Get(ctx, w.id())
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return half, err
	case !exists && w.isDeletion(), exists && !w.isDeletion() && isAs(found, w.after) && found.Rev > w.before.Rev:
		return done, nil
	case !exists && w.before.Rev == 0, exists && equal(found, w.before):
		return notDone, nil
	}
	return half, nil
}

// isAs reports whether two records differ in no more than their revisions.
func isAs(a, b store.Record) bool {
	a.Rev = b.Rev
	return equal(a, b)
}

// isTrue reports whether a store may answer a write that had this effect with
// err. Nobody else writes.
func isTrue(err error, e effect) bool {
	switch {
	case e == half:
		return false
	case err == nil:
		return e == done
	case errors.Is(err, store.ErrUnknown):
		return true
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return e == notDone
	}
	return false
}

// answerOf names an answer.
func answerOf(err error) string {
	switch {
	case err == nil:
		return "acknowledged"
	case errors.Is(err, store.ErrUnknown):
		return "unknown"
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.DeadlineExceeded):
		return "too late"
	}
	return "other"
}

// TestLostAcknowledgements breaks the connection in the midst of writes, and
// compares what the store answers with what happened.
func TestLostAcknowledgements(t *testing.T) {
	onEachServer(t, func(t *testing.T, p place) {
		random := newRandom(t)
		data := p.freshOnServer(t)
		direct := open(t, data.direct)
		before, err := inspect(t.Context(), direct, nil)
		require.NoError(t, err)
		seen := map[string]int{}
		doubted := map[uuid.UUID]bool{}
		last := store.Record{} // the one to replace or to delete
		known := map[uuid.UUID]store.Record{}
		for range 2 * max(*kills, len(faults)) {
			w := nextWrite(random, last)
			f := faults[random.IntN(len(faults))]
			became, answer := loseAcknowledgement(t, data, direct, w, f, random)
			require.True(t, isTrue(answer, became), "%s: answered %v; it %s", f.name, answer, became)
			seen[answerOf(answer)+", "+string(became)]++
			doubted[w.id()] = doubted[w.id()] || errors.Is(answer, store.ErrUnknown)
			last, err = direct.Get(t.Context(), w.id())
			if err != nil {
				require.ErrorIs(t, err, store.ErrNotFound)
			}
			known[w.id()] = last
		}
		now, err := inspect(t.Context(), direct, before)
		require.NoError(t, err)
		for id, r := range known {
			require.True(t, doubted[id] || equal(r, now.records[id]), "%s came late", describe(now.records[id]))
		}
		t.Logf("answers and effects: %v", seen)
		if isFull() {
			for _, kind := range []string{"acknowledged, happened", "unknown, happened", "unknown, did not happen"} {
				require.NotZero(t, seen[kind], kind)
			}
			// etcd's client waits for a connection as long as the caller does.
			require.NotZero(t, seen["unavailable, did not happen"]+seen["too late, did not happen"])
		}
	})
}

// nextWrite chooses a write that rests on what there is.
func nextWrite(random *rand.Rand, last store.Record) write {
	data := fmt.Appendf(nil, "%d", random.Uint64())
	switch {
	case last.Rev == 0 || random.IntN(3) == 0:
		id := uuid.New()
		return write{after: store.Record{ID: id, Name: id.String(), Data: data, ExpiresAt: store.MaxTime}}
	case random.IntN(2) == 0:
		return write{before: last}
	}
	after := last
	after.Data, after.ExpiresAt = data, time.Time{}
	return write{before: last, after: after}
}

// loseAcknowledgement makes a write through a fault, and returns what became
// of it and how it was answered.
func loseAcknowledgement(
	t *testing.T, data onServer, direct store.Store, w write, f fault, random *rand.Rand,
) (became effect, answer error) {
	t.Helper()
	route, proxied := data.route(t)
	s := open(t, proxied)
	lookUp := func() effect {
		became, err := w.effectIn(t.Context(), direct)
		require.NoError(t, err)
		return became
	}
	call := func() {
		f.notice(s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		answer = w.do(ctx, s)
	}
	require.NoError(t, lose(route, f, random, afterTheCall, call, func() bool { return lookUp() == done }))
	require.NoError(t, s.Close())
	return lookUp(), answer
}
