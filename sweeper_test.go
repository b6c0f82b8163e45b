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
