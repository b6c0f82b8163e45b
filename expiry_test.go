package regtoken_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// runRig is a Manager on the bubble's clock, with Run going. The function it
// returns waits for the next removal and says when it was.
func runRig(t *testing.T, grace time.Duration) (*rig, *hooked, func() time.Time) {
	h := &hooked{Store: memstore.New()}
	swept := make(chan time.Time, 100)
	r := newRig(t, func(r *rig, o *regtoken.Options) {
		r.store, o.Now, o.MinLifetime, o.RemovalGrace = h, nil, time.Nanosecond, grace
		o.Observers = append(o.Observers, func(_ context.Context, e regtoken.Event) {
			if e.Operation == regtoken.OpExpire {
				swept <- e.Time.Local()
			}
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done, "Run returns nil when its context ends")
	})
	synctest.Wait()
	return r, h, func() time.Time { return <-swept }
}

func TestRunSweepsWhenDue(t *testing.T) {
	for _, grace := range []time.Duration{0, 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r, h, sweptAt := runRig(t, grace)
			begin := time.Now()
			h.Calls()
			r.create(t, regtoken.TokenSpec{Name: "one-hour", Expiry: begin.Add(time.Hour)})
			r.create(t, regtoken.TokenSpec{Name: "short", Expiry: begin.Add(42 * time.Second)})
			r.create(t, regtoken.TokenSpec{Name: "shorter", Expiry: begin.Add(333 * time.Millisecond)})
			require.Equal(t, begin.Add(333*time.Millisecond+grace), sweptAt())
			require.Equal(t, begin.Add(42*time.Second+grace), sweptAt())
			require.Equal(t, begin.Add(time.Hour+grace), sweptAt())
			require.Less(t, h.Calls()["Expired"], 2*60+3*6, "a look a minute and a few for each token, not a tick")
		})
	}
}

// wholeHooked is a hooked store whose Head is local, as that of memory is, and
// which counts the calls for the feed too.
type wholeHooked struct{ *hooked }

func (wholeHooked) HeadIsLocal() bool { return true }

func (h wholeHooked) Head(ctx context.Context) (store.Cursor, error) {
	h.count("Head")
	return h.hooked.Head(ctx)
}

func (h wholeHooked) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	h.count("Changes")
	return h.hooked.Changes(ctx, after, limit)
}

// To wait takes one question to the store a minute and nothing else, whether
// there is something to wait for or not; how often the clock is read tells how
// often Run is awake.
func TestRunWaitsForNothing(t *testing.T) {
	for _, tokens := range []int{0, 1, 1000} {
		synctest.Test(t, func(t *testing.T) {
			h := wholeHooked{&hooked{Store: memstore.New()}}
			var clockReads atomic.Int64
			r := newRig(t, func(r *rig, o *regtoken.Options) {
				r.store = h
				o.Now = func() time.Time {
					clockReads.Add(1)
					return time.Now()
				}
			})
			begin := time.Now()
			const wait = 10 * time.Hour
			for i := range tokens {
				r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: begin.Add(wait + time.Minute)})
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			synctest.Wait()
			h.Calls()
			clockReads.Store(0)

			time.Sleep(wait)
			synctest.Wait()
			const looks = int(wait / time.Minute)
			require.Equal(t, map[string]int{"Expired": looks}, h.Calls())
			require.LessOrEqual(t, clockReads.Load(), int64(2*looks))

			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, tokens, h.Calls()["Delete"], "at the very instant")
			cancel()
			require.NoError(t, <-done)
		})
	}
}

func TestRunFindsWhatOthersWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, sweptAt := runRig(t, 0)
		begin := time.Now()
		other, err := regtoken.NewManager(h, &regtoken.Options{MinLifetime: time.Nanosecond})
		require.NoError(t, err)
		token, _, err := other.CreateToken(t.Context(), regtoken.TokenSpec{Name: "foreign", Expiry: begin.Add(time.Second)})
		require.NoError(t, err)
		require.Equal(t, begin.Add(time.Minute), sweptAt(), "late by a minute at the most")
		_, err = h.Get(t.Context(), token.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestRunFollowsAnEditedExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, sweptAt := runRig(t, 0)
		begin := time.Now()
		token, _ := r.create(t, regtoken.TokenSpec{Name: "moved", Expiry: begin.Add(10 * time.Second)})
		time.Sleep(9 * time.Second)
		_, err := r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetExpiry(begin.Add(30 * time.Second))})
		require.NoError(t, err)
		require.Equal(t, begin.Add(30*time.Second), sweptAt(), "moved on")

		token, _ = r.create(t, regtoken.TokenSpec{Name: "moved"})
		_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetExpiry(begin.Add(35 * time.Second))})
		require.NoError(t, err)
		require.Equal(t, begin.Add(35*time.Second), sweptAt(), "set where there was none")
	})
}

func TestRunRetriesAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, sweptAt := runRig(t, 0)
		r.create(t, regtoken.TokenSpec{Name: "stuck", Expiry: time.Now().Add(time.Second)})
		synctest.Wait()
		var failing sync.Mutex
		down := true
		h.read = func(context.Context) error {
			failing.Lock()
			defer failing.Unlock()
			if down {
				return fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
			}
			return nil
		}
		r.log.Take()
		h.Calls()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		var times []time.Time
		for _, e := range r.log.Take() {
			require.Equal(t, regtoken.OpSweep, e.Operation)
			require.Equal(t, regtoken.Failed, e.Outcome)
			require.ErrorIs(t, e.Err, errNetwork)
			times = append(times, e.Time)
		}
		require.Greater(t, len(times), 10)
		require.Less(t, len(times), 30, "10 minutes of back-off up to a minute")
		require.Less(t, times[1].Sub(times[0]), 2*time.Second)
		require.Greater(t, times[len(times)-1].Sub(times[len(times)-2]), 29*time.Second)
		require.Equal(t, len(times), h.Calls()["Expired"])

		failing.Lock()
		down = false
		failing.Unlock()
		begin := time.Now()
		require.LessOrEqual(t, sweptAt().Sub(begin), time.Minute)
	})
}

// The Manager's clock may jump; Run looks again within a minute of real time.
func TestRunNoticesAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := &clock{now: start}
		h := &hooked{Store: memstore.New()}
		r := newRig(t, func(r *rig, o *regtoken.Options) { r.store, r.clock, o.Now = h, moved, moved.Now })
		token, c := r.create(t, regtoken.TokenSpec{Name: "jumped", Expiry: start.Add(time.Hour)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		stored := func() bool {
			synctest.Wait()
			_, err := h.Get(t.Context(), token.ID)
			return err == nil
		}
		require.True(t, stored())
		moved.Advance(-24 * time.Hour) // back
		time.Sleep(2 * time.Hour)
		require.True(t, stored())
		_, err := r.Authenticate(t.Context(), c.Login())
		require.NoError(t, err)
		moved.Advance(48 * time.Hour) // forward
		_, err = r.Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated, "at once, swept or not")
		time.Sleep(time.Minute)
		require.False(t, stored())
		cancel()
		require.NoError(t, <-done)
	})
}

// Writing tokens that expire much later costs the store no look.
func TestRunIsNotKeptAwakeByWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, _ := runRig(t, 0)
		h.read = func(context.Context) error { time.Sleep(5 * time.Millisecond); return nil }
		h.Calls()
		begin := time.Now()
		for i := 0; time.Since(begin) < 2*time.Minute; i++ {
			r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: begin.Add(time.Duration(100_000-i) * time.Minute)})
			time.Sleep(8 * time.Millisecond)
		}
		require.LessOrEqual(t, h.Calls()["Expired"], 6)
	})
}

// One Run that ends does not take another's next wake with it.
func TestRunOutlivesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, sweptAt := runRig(t, 0)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, r.Run(ended))
		begin := time.Now()
		r.create(t, regtoken.TokenSpec{Name: "due-soon", Expiry: begin.Add(2 * time.Second)})
		require.Equal(t, begin.Add(2*time.Second), sweptAt())
	})
}

// A clock that stands just before an expiry does not make Run spin.
func TestRunOnAStandingClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hooked{Store: memstore.New()}
		r := newRig(t, func(r *rig, _ *regtoken.Options) { r.store = h })
		r.create(t, regtoken.TokenSpec{Name: "nearly-due", Expiry: start.Add(time.Hour)})
		r.clock.Advance(time.Hour - time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, r.Run(ctx))
		require.LessOrEqual(t, h.Calls()["Expired"], 2*101)
	})
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

// Two processes sweep one store; each token is removed and told of once.
func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := runRig(t, 0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		second := make(chan error, 1)
		go func() { second <- r.Registry("other").Run(ctx) }()
		for i := range 50 {
			r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i), Expiry: time.Now().Add(time.Duration(i+1) * time.Second)})
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		told := map[uuid.UUID]int{}
		for _, e := range r.log.Take() {
			if e.Operation == regtoken.OpExpire {
				told[e.TokenID]++
			}
		}
		require.Len(t, told, 50)
		for _, n := range told {
			require.Equal(t, 1, n)
		}
		cancel()
		require.NoError(t, <-second)
	})
}
