package kill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// longestLife of a token that is left to expire.
const longestLife = 300 * time.Millisecond

// TestSweepers lets three processes sweep as fast as they can, one of which
// also runs the sweeper of Run, while a fourth makes tokens that live for a
// moment, and gives some of them a longer life just as they end.
func TestSweepers(t *testing.T) {
	onEach(t, func(t *testing.T, p place) {
		random := newRandom(t)
		var total lives
		for range rounds(10) {
			one := race(t, p, random)
			total.expired = append(total.expired, one.expired...)
			total.renewed = append(total.renewed, one.renewed...)
			total.tooLate += one.tooLate
		}
		t.Logf("%d tokens expired, %d were renewed, %d renewals came too late",
			len(total.expired), len(total.renewed), total.tooLate)
		require.NotEmpty(t, total.expired)
		if isFull() {
			require.NotEmpty(t, total.renewed)
			require.NotZero(t, total.tooLate)
		}
	})
}

// lives are what a maker knows of its tokens. It is safe for concurrent use.
type lives struct {
	mu               sync.Mutex
	expired, renewed []uuid.UUID
	tooLate          int // renewals that were refused, of what has expired
}

func (l *lives) add(id uuid.UUID, renewed, tried bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case renewed:
		l.renewed = append(l.renewed, id)
		return
	case tried:
		l.tooLate++
	}
	l.expired = append(l.expired, id)
}

// race is one race of sweepers on new data.
func race(t *testing.T, p place, random *rand.Rand) *lives {
	const makers, tokens = 6, 15
	name := p.fresh(t)
	s := open(t, name)
	config := frontend.Config{Target: name, MinLifetime: time.Nanosecond, Idle: true}
	maker := startFrontEnd(t, config)
	var sweepers []*frontend.Process
	for i := range 3 {
		config.Idle = i > 0
		sweepers = append(sweepers, startFrontEnd(t, config))
	}

	lives := &lives{}
	made := make(chan struct{})
	var making, sweeping sync.WaitGroup
	failures := make(chan error, makers+len(sweepers))
	for i := range makers {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		making.Go(func() {
			for j := range tokens {
				if err := live(maker, fmt.Sprintf("token-%d-%d", i, j), lives, random); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	swept := make([]int, len(sweepers))
	for i, sweeper := range sweepers {
		sweeping.Go(func() {
			var err error
			if swept[i], err = sweepUntil(sweeper, made); err != nil {
				failures <- err
			}
		})
	}
	making.Wait()
	time.Sleep(longestLife + 2*time.Millisecond) // all that is to expire has expired
	close(made)
	sweeping.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}

	var told [][]uuid.UUID
	for i, sweeper := range sweepers {
		figures, err := sweeper.Do("Figures", frontend.Call{})
		require.NoError(t, err)
		told = append(told, figures.Expired)
		if i > 0 {
			require.Len(t, figures.Expired, swept[i], "a process that only sweeps when told to")
		}
	}
	require.NoError(t, checkSwept(t.Context(), s, lives, told))
	return lives
}

// live makes a token, and renews some at the last moment.
func live(f frontEnd, name string, lives *lives, random *rand.Rand) error {
	life := time.Nanosecond
	if random.IntN(4) > 0 {
		life = 1 + upTo(random, longestLife)
	}
	r, err := f.Do("Create", frontend.Call{Name: name, Lifetime: life})
	if err != nil || r.Outcome != "" {
		return errors.Join(fmt.Errorf("Create: %q %s", r.Outcome, r.Detail), err)
	}
	id := r.ID
	if random.IntN(2) == 0 {
		lives.add(id, false, false)
		return nil
	}
	time.Sleep(time.Until(r.Expiry) - upTo(random, 60*time.Millisecond))
	r, err = f.Do("Renew", frontend.Call{ID: id, Expiry: time.Now().Add(1000 * time.Hour)})
	switch {
	case err != nil:
		return err
	case r.Outcome != "" && r.Outcome != frontend.NotFound:
		return fmt.Errorf("Renew: %q %s", r.Outcome, r.Detail)
	}
	lives.add(id, r.Outcome == "", true)
	return nil
}

// sweepUntil sweeps again and again, the last time after made, and returns how
// many tokens that removed.
func sweepUntil(f frontEnd, made <-chan struct{}) (swept int, err error) {
	for last := false; !last; {
		select {
		case <-made:
			last = true
		case <-time.After(time.Millisecond):
		}
		r, err := f.Do("Sweep", frontend.Call{})
		if err != nil || r.Outcome != "" {
			return swept, errors.Join(fmt.Errorf("Sweep: %q %s", r.Outcome, r.Detail), err)
		}
		swept += r.Swept
	}
	return swept, nil
}

// checkSwept checks that of what has expired each was told of once, by all
// processes together, and is gone; and of what was renewed, none.
func checkSwept(ctx context.Context, s store.Store, l *lives, told [][]uuid.UUID) error {
	times := map[uuid.UUID]int{}
	for _, ids := range told {
		for _, id := range ids {
			times[id]++
		}
	}
	var errs []error
	for _, id := range l.expired {
		if _, err := s.Get(ctx, id); !errors.Is(err, store.ErrNotFound) || times[id] != 1 {
			errs = append(errs, fmt.Errorf("%v has expired, and was told of %d times; it is there: %t", id, times[id], err == nil), err)
		}
	}
	for _, id := range l.renewed {
		if _, err := s.Get(ctx, id); err != nil || times[id] != 0 {
			errs = append(errs, fmt.Errorf("%v was renewed, and was told of %d times", id, times[id]), err)
		}
	}
	if len(times) > len(l.expired) {
		errs = append(errs, fmt.Errorf("%d were told of, of %d that have expired", len(times), len(l.expired)))
	}
	_, err := inspect(ctx, s, nil)
	return errors.Join(append(errs, err)...)
}
