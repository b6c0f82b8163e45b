package regtoken_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// At its expiry a token is gone for every call, swept or not.
func TestExpiryBoundary(t *testing.T) {
	expiry := start.Add(time.Hour)
	for _, row := range []struct {
		at   time.Time
		gone bool
	}{
		{expiry.Add(-time.Millisecond), false},
		{expiry.Add(-time.Nanosecond), false},
		{expiry, true},
		{expiry.Add(time.Millisecond), true},
		{expiry.Add(1000 * time.Hour), true},
	} {
		for _, grace := range []time.Duration{0, 24 * time.Hour} {
			r := newRig(t, func(_ *rig, o *regtoken.Options) { o.RemovalGrace = grace })
			token, c := r.create(t, regtoken.TokenSpec{Name: "expiring", Expiry: expiry, Scopes: []regtoken.Scope{scope("repository:a:pull")}})
			g, err := r.Authenticate(t.Context(), c.Login())
			require.NoError(t, err)
			r.clock.Set(row.at)
			if row.gone {
				requireGone(t, r.Manager, token, c)
				require.ErrorIs(t, g.Authorize("a", pull), regtoken.ErrUnauthenticated)
				require.Empty(t, names(t, r.Manager, regtoken.Filter{}))
				_, err = r.TokenByName(t.Context(), "expiring")
				require.ErrorIs(t, err, regtoken.ErrNotFound)
				again, _ := r.create(t, regtoken.TokenSpec{Name: "expiring"})
				require.NotEqual(t, token.ID, again.ID)
				_, err = r.Authenticate(t.Context(), c.Login())
				require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				continue
			}
			require.NoError(t, g.Authorize("a", pull))
			_, err = r.Authenticate(t.Context(), c.Login())
			require.NoError(t, err)
			_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "expiring"})
			require.ErrorIs(t, err, regtoken.ErrNameTaken)
			n, err := r.Sweep(t.Context())
			require.NoError(t, err)
			require.Zero(t, n)
			_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		}
	}
}

func TestSweep(t *testing.T) {
	r := newRig(t, func(_ *rig, o *regtoken.Options) { o.RemovalGrace = time.Hour })
	const many = 600 // more than two batches
	for i := range many {
		m := r.Registry([]string{"", "team-a", "team-b"}[i%3])
		_, _, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Owner: "me", Expiry: start.Add(2 * time.Hour)})
		require.NoError(t, err)
	}
	keeper, _ := r.create(t, regtoken.TokenSpec{Name: "keeper"})
	later, _ := r.create(t, regtoken.TokenSpec{Name: "later", Expiry: start.Add(2*time.Hour + time.Millisecond)})
	r.log.Take()
	sweep := func(at time.Duration, want int) {
		t.Helper()
		r.clock.Set(start.Add(at))
		n, err := r.Registry("team-a").Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, n)
		events := r.log.Take()
		require.Len(t, events, want)
		told := map[uuid.UUID]bool{}
		registries := map[string]int{}
		for _, e := range events {
			require.Equal(t, regtoken.OpExpire, e.Operation)
			require.Equal(t, regtoken.Succeeded, e.Outcome)
			require.Equal(t, "me", e.Owner)
			require.Equal(t, "expired 2026-03-01T14:00:00Z", e.Detail)
			require.False(t, told[e.TokenID])
			told[e.TokenID] = true
			registries[e.Registry]++
		}
		if want > 0 {
			require.Equal(t, map[string]int{"": 200, "team-a": 200, "team-b": 200}, registries)
		}
	}
	sweep(2*time.Hour, 0) // gone, but within the grace
	sweep(3*time.Hour-time.Millisecond, 0)
	sweep(3*time.Hour, many)
	sweep(3*time.Hour, 0)
	_, err := r.Token(t.Context(), keeper.ID)
	require.NoError(t, err)
	record, err := r.store.Get(t.Context(), later.ID)
	require.NoError(t, err)
	require.Equal(t, later.ExpiresAt, record.ExpiresAt)
}

// An expiry that is moved while a sweep is under way saves the token.
func TestSweepSparesWhatWasRenewed(t *testing.T) {
	r, h := hookedRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "renewed", Expiry: start.Add(time.Hour)})
	ahead, err := regtoken.NewManager(h, &regtoken.Options{Now: func() time.Time { return start.Add(2 * time.Hour) }})
	require.NoError(t, err)
	h.remove = func(ctx context.Context, id uuid.UUID, _ store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
		// The sweeper has read the record; a process with another clock edits it.
		_, err := r.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetExpiry(start.Add(9 * time.Hour))})
		require.NoError(t, err)
		return next()
	}
	n, err := ahead.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	stored, err := ahead.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, start.Add(9*time.Hour), stored.ExpiresAt)
}

// The clock is the truth: set back, it brings back what was not yet swept.
func TestClockSetBack(t *testing.T) {
	r := newRig(t)
	token, c := r.create(t, regtoken.TokenSpec{Name: "back-again", Expiry: start.Add(time.Hour)})
	r.clock.Advance(2 * time.Hour)
	_, err := r.Token(t.Context(), token.ID)
	require.ErrorIs(t, err, regtoken.ErrNotFound)
	r.clock.Set(start)
	_, err = r.Authenticate(t.Context(), c.Login())
	require.NoError(t, err)
	r.clock.Advance(2 * time.Hour)
	n, err := r.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	r.clock.Set(start)
	_, err = r.Token(t.Context(), token.ID)
	require.ErrorIs(t, err, regtoken.ErrNotFound, "swept is swept")
}

// A sweep that is cut short says so, and claims nothing that others did.
func TestSweepCutShort(t *testing.T) {
	r, h := hookedRig(t)
	for i := range 5 {
		r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: start.Add(time.Hour)})
	}
	r.clock.Advance(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	h.remove = func(_ context.Context, _ uuid.UUID, _ store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
		rev, err := next()
		cancel()
		return rev, err
	}
	n, err := r.Sweep(ctx)
	require.Equal(t, 1, n)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, regtoken.ErrUnavailable)

	r.log.Take()
	h.remove = func(_ context.Context, _ uuid.UUID, _ store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
		_, err := next() // by another sweeper, while this one waited
		require.NoError(t, err)
		return 0, context.Canceled
	}
	n, err = r.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Empty(t, r.log.Take())
}

// What may have been removed is told of, with what is known.
func TestSweepTellsOfWhatItCannotKnow(t *testing.T) {
	r, h := hookedRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "in-doubt", Owner: "me", Expiry: start.Add(time.Hour)})
	r.clock.Advance(time.Hour)
	r.log.Take()
	h.remove = func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error) {
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
	}
	_, err := r.Sweep(t.Context())
	require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)
	events := r.log.Take()
	require.Len(t, events, 1)
	require.Equal(t, regtoken.OpExpire, events[0].Operation)
	require.Equal(t, regtoken.Failed, events[0].Outcome)
	require.Equal(t, token.ID, events[0].TokenID)
	require.Equal(t, "me", events[0].Owner)
	require.ErrorIs(t, events[0].Err, errNetwork)
}

func TestManySweepersDeleteOnce(t *testing.T) {
	shared := memstore.New()
	var mu sync.Mutex
	told := map[uuid.UUID]int{}
	now := start
	opts := &regtoken.Options{Now: func() time.Time { return now }, Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Operation == regtoken.OpExpire {
			told[e.TokenID]++
		}
	}}}
	var managers []*regtoken.Manager
	for range 4 {
		m, err := regtoken.NewManager(shared, opts)
		require.NoError(t, err)
		managers = append(managers, m)
	}
	const tokens = 700
	for i := range tokens {
		_, _, err := managers[0].CreateToken(t.Context(), regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: start.Add(time.Hour)})
		require.NoError(t, err)
	}
	now = start.Add(time.Hour)
	counts := make(chan int)
	for _, m := range managers {
		go func() {
			n, err := m.Sweep(t.Context())
			if err != nil {
				t.Error(err)
			}
			counts <- n
		}()
	}
	total := 0
	for range managers {
		total += <-counts
	}
	require.Equal(t, tokens, total)
	require.Len(t, told, tokens)
	for _, n := range told {
		require.Equal(t, 1, n)
	}
}

// A record that resists does not keep the others.
func TestSweepGoesOnBehindWhatFails(t *testing.T) {
	r, h := hookedRig(t)
	stuck, _ := r.create(t, regtoken.TokenSpec{Name: "stuck", Expiry: start.Add(time.Hour)})
	for i := range 5 {
		r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: start.Add(2 * time.Hour)})
	}
	r.clock.Advance(2 * time.Hour)
	h.remove = func(_ context.Context, id uuid.UUID, _ store.Rev, next func() (store.Rev, error)) (store.Rev, error) {
		if id == stuck.ID {
			return 0, fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
		}
		return next()
	}
	n, err := r.Sweep(t.Context())
	require.ErrorIs(t, err, errNetwork)
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	require.Equal(t, 5, n)

	h.remove = func(context.Context, uuid.UUID, store.Rev, func() (store.Rev, error)) (store.Rev, error) {
		return 0, fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
	}
	for i := range 20 {
		r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("down-%d", i), Expiry: start.Add(3 * time.Hour)})
	}
	r.clock.Advance(time.Hour)
	h.Calls()
	_, err = r.Sweep(t.Context())
	require.ErrorIs(t, err, errNetwork)
	require.Equal(t, 8, h.Calls()["Delete"], "it gives up in the end")
}
