package proof_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestSweepers lets several Run loops, of several processes, race for tokens
// whose expiry others move meanwhile: none is removed before its time, each is
// removed soon after it and once, and observers are told of each once. The
// store fails now and then, in ways that leave no doubt.
//
// In half of the runs it loses acknowledgements as well. Then nobody can know
// who removed a token, so that it may be told of more than once, or by nobody:
// but still none goes before its time, and none stays.
func TestSweepers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, inDoubt := rapid.Uint64().Draw(t, "seed"), rapid.Bool().Draw(t, "in doubt")
		rapid.SyncTest(t, func(t *rapid.T) { newSweepRace(seed, inDoubt).run(t) })
	})
}

// A sweepRace is several processes on one store, in a bubble of synctest,
// whose clock is theirs.
type sweepRace struct {
	*memstore.Store
	inDoubt bool
	grace   time.Duration

	mu      sync.Mutex
	random  *rand.Rand
	healed  bool                    // no more faults
	ends    map[uuid.UUID]time.Time // of each token made, as last acknowledged; zero: never
	removed map[uuid.UUID]removal   // what the store did
	told    map[uuid.UUID]int       // OpExpire
	tried   map[uuid.UUID]bool      // to delete it by DeleteToken
	deleted map[uuid.UUID]bool      // by DeleteToken, which said so
	doubts  map[uuid.UUID]int       // writes of it that were not acknowledged
}

type removal struct{ at, expiry time.Time }

func newSweepRace(seed uint64, inDoubt bool) *sweepRace {
	random := rand.New(rand.NewPCG(seed, 0))
	return &sweepRace{
		Store: memstore.New(), random: random, inDoubt: inDoubt, grace: []time.Duration{0, time.Minute}[random.IntN(2)],
		ends: map[uuid.UUID]time.Time{}, removed: map[uuid.UUID]removal{}, told: map[uuid.UUID]int{},
		tried: map[uuid.UUID]bool{}, deleted: map[uuid.UUID]bool{}, doubts: map[uuid.UUID]int{},
	}
}

// dice returns a number below n.
func (s *sweepRace) dice(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// delay lets the others in, as a network does.
func (s *sweepRace) delay() {
	if s.dice(2) == 0 {
		time.Sleep(time.Duration(s.dice(3000)) * time.Microsecond)
	}
}

// fail decides whether a call fails before it does anything.
func (s *sweepRace) fail(ctx context.Context) error {
	s.delay()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.healed && s.random.IntN(12) == 0 {
		return failed(store.ErrUnavailable)
	}
	return nil
}

// doubt loses an acknowledgement, or the write itself.
func (s *sweepRace) doubt(id uuid.UUID) (before, after error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inDoubt || s.healed || s.random.IntN(6) != 0 {
		return nil, nil
	}
	s.doubts[id]++
	if s.random.IntN(2) == 0 {
		return failed(store.ErrUnknown), nil
	}
	return nil, failed(store.ErrUnknown)
}

func (s *sweepRace) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if err := s.fail(ctx); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *sweepRace) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := s.fail(ctx); err != nil {
		return nil, err
	}
	return s.Store.Expired(ctx, until, min(limit, 256))
}

func (s *sweepRace) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	if err := s.fail(ctx); err != nil {
		return 0, err
	}
	before, after := s.doubt(r.ID)
	if before != nil {
		return 0, before
	}
	s.mu.Lock()
	rev, err := s.Store.Put(ctx, r)
	if err == nil {
		s.ends[r.ID] = r.ExpiresAt
	}
	s.mu.Unlock()
	if after != nil && err == nil {
		return 0, after
	}
	return rev, err
}

func (s *sweepRace) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	if err := s.fail(ctx); err != nil {
		return 0, err
	}
	before, after := s.doubt(id)
	if before != nil {
		return 0, before
	}
	s.mu.Lock()
	rev, err := s.Store.Delete(ctx, id, ifRev)
	if err == nil {
		s.removed[id] = removal{time.Now(), s.ends[id]}
	}
	s.mu.Unlock()
	if after != nil && err == nil {
		return 0, after
	}
	return rev, err
}

func (s *sweepRace) observe(_ context.Context, e regtoken.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Operation == regtoken.OpExpire && e.Outcome == regtoken.Succeeded {
		s.told[e.TokenID]++
	}
}

// The race: three processes, two of whose Managers run twice, and writers on
// each of them for some hours.
func (s *sweepRace) run(t *rapid.T) {
	ctx, stop := context.WithCancel(t.Context())
	var sweepers, writers sync.WaitGroup
	for i := range 3 {
		m := newManager(t, s, &regtoken.Options{MinLifetime: time.Second, RemovalGrace: s.grace, Observers: []regtoken.Observer{s.observe}})
		for range 1 + i%2 {
			sweepers.Go(func() {
				if err := m.Run(ctx); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
		writers.Go(func() { s.write(ctx, m, i) })
		sweepers.Go(func() { // one that comes and goes
			for range 20 {
				short, cancel := context.WithTimeout(ctx, time.Duration(1+s.dice(300))*time.Second)
				_ = m.Run(short)
				cancel()
			}
		})
	}
	writers.Wait()
	s.mu.Lock()
	s.healed = true
	s.mu.Unlock()
	// The longest back-off, the longest wait between looks, and the grace.
	time.Sleep(longestLife + s.grace + 2*time.Minute + time.Second)
	synctest.Wait()
	s.requireOrder(t)
	stop()
	sweepers.Wait()
}

const longestLife = 10 * time.Minute

// write makes, moves, and deletes tokens for a while.
func (s *sweepRace) write(ctx context.Context, m *regtoken.Manager, process int) {
	var mine []uuid.UUID
	expiry := func() time.Time {
		return time.Now().Add(time.Second + time.Duration(s.dice(int(longestLife/time.Millisecond)-2000))*time.Millisecond)
	}
	for i := range 60 {
		time.Sleep(time.Duration(s.dice(120_000)) * time.Millisecond)
		switch s.dice(6) {
		case 0, 1, 2:
			// Names come again, so that creating removes what had expired.
			name := fmt.Sprintf("token-%d", s.dice(12))
			if s.dice(3) == 0 {
				name = fmt.Sprintf("token-%d-%d", process, i)
			}
			token, _, err := m.CreateToken(ctx, regtoken.TokenSpec{Name: name, Expiry: expiry()})
			if err == nil {
				mine = append(mine, token.ID)
			}
		case 3, 4:
			s.move(ctx, m, mine, expiry())
		case 5:
			if len(mine) == 0 {
				continue
			}
			id := mine[s.dice(len(mine))]
			s.mu.Lock()
			s.tried[id] = true
			s.mu.Unlock()
			err := m.DeleteToken(ctx, id)
			s.mu.Lock()
			s.deleted[id] = s.deleted[id] || err == nil
			s.mu.Unlock()
		}
	}
}

// move renews a token at the last moment, or clears its expiry.
func (s *sweepRace) move(ctx context.Context, m *regtoken.Manager, mine []uuid.UUID, expiry time.Time) {
	if len(mine) == 0 {
		return
	}
	id := mine[s.dice(len(mine))]
	s.mu.Lock()
	end := s.ends[id]
	s.mu.Unlock()
	if s.dice(2) == 0 && time.Now().Before(end) {
		time.Sleep(time.Until(end) - time.Duration(s.dice(4000))*time.Microsecond)
		expiry = time.Now().Add(time.Minute)
	}
	change := regtoken.SetExpiry(expiry)
	if s.dice(5) == 0 {
		change = regtoken.ClearExpiry()
	}
	_, _ = m.EditToken(ctx, id, regtoken.Edit{Expiry: change})
}

func (s *sweepRace) requireOrder(t *rapid.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	swept := 0
	for id, end := range s.ends {
		gone, isGone := s.removed[id]
		switch {
		case s.deleted[id]:
			require.True(t, isGone)
			require.LessOrEqual(t, s.told[id], s.doubts[id], "deleted, and told as expired")
			continue
		case !isGone:
			require.True(t, end.IsZero(), "%s expired at %v and is still there", id, end)
			require.Zero(t, s.told[id], "told of, and still there")
			continue
		case s.tried[id] && s.doubts[id] > 0:
			continue // nobody knows who removed it
		}
		swept++
		require.False(t, gone.expiry.IsZero(), "removed, though it never expires")
		require.False(t, gone.at.Before(gone.expiry), "%s removed at %v, before %v", id, gone.at, gone.expiry)
		require.LessOrEqual(t, s.told[id], 1+s.doubts[id])
		if s.doubts[id] == 0 {
			require.Equal(t, 1, s.told[id], "told of")
		}
	}
	require.NotZero(t, swept)
}

// TestRunIsPrompt sees Run remove what its own Manager was told of when it
// falls due, also if that was told of while Run waited for something later, and
// what another process made within a minute.
func TestRunIsPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		options := &regtoken.Options{MinLifetime: time.Second}
		m, other := newManager(t, s, options), newManager(t, s, options)
		ctx, stop := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		for range 2 {
			loops.Go(func() { _ = m.Run(ctx) })
		}
		requireGone := func(id uuid.UUID, after time.Duration) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			_, err := s.Get(ctx, id)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		create := func(by *regtoken.Manager, name string, life time.Duration) uuid.UUID {
			t.Helper()
			token, _, err := by.CreateToken(ctx, regtoken.TokenSpec{Name: name, Expiry: time.Now().Add(life)})
			require.NoError(t, err)
			return token.ID
		}
		const tick = 101 * time.Millisecond // Run looks ten times a second at most
		time.Sleep(90 * time.Second)
		late, soon := create(m, "late", 30*time.Second), create(m, "soon", 5*time.Second)
		requireGone(soon, 5*time.Second+tick)
		_, err := m.EditToken(ctx, late, regtoken.Edit{Expiry: regtoken.SetExpiry(time.Now().Add(2 * time.Second))})
		require.NoError(t, err)
		requireGone(late, 2*time.Second+tick)
		requireGone(create(other, "foreign", time.Second), time.Minute+time.Second+tick)
		stop()
		loops.Wait()
	})
}

// TestRunLeavesNothingBehind starts and stops many Run loops.
func TestRunLeavesNothingBehind(t *testing.T) {
	s := memstore.New()
	for range 20 {
		ctx, stop := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		for range 5 {
			m := newManager(t, s, nil)
			loops.Go(func() {
				if err := m.Run(ctx); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
			_, _, err := m.CreateToken(ctx, regtoken.TokenSpec{Name: "abc", Expiry: time.Now().Add(2 * time.Hour)})
			if err != nil {
				require.ErrorIs(t, err, regtoken.ErrNameTaken)
			}
		}
		stop()
		loops.Wait()
		goleak.VerifyNone(t)
	}
	require.NoError(t, s.Close())
}
