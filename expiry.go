package regtoken

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/regtoken/regtoken/store"
)

const (
	// sweepBatch is how many expired records are fetched at once.
	sweepBatch = 256

	// sweepPoll is the longest that Run goes without looking for the next
	// expiry: other processes make tokens too, and clocks jump.
	sweepPoll = time.Minute

	// sweepBusy is how long Run leaves alone what is due and yet could not be
	// removed.
	sweepBusy = 100 * time.Millisecond

	minSweepBackoff = time.Second
	maxSweepBackoff = time.Minute
)

// Sweep removes the records of tokens past their expiry (and past
// [Options.RemovalGrace]), of all registries, and returns how many this call
// removed; observers are told of each. It goes on until none is left or a
// store's call fails. Nothing but the room they take depends on it. Of several
// sweepers at once, one removes a token. Errors: [ErrUnavailable],
// [ErrOutcomeUnknown]; what was removed before is counted.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	removed := 0
	for {
		batch, err := m.expired(ctx, m.now().Add(-m.options.RemovalGrace), sweepBatch)
		if err != nil {
			return removed, err
		}
		progress := false
		for _, r := range batch {
			switch err := m.expire(ctx, r); {
			case err == nil:
				removed++
				progress = true
			case errors.Is(err, ErrNotFound):
				progress = true
			case !errors.Is(err, store.ErrConflict):
				return removed, err
			}
		}
		// A batch of records that others keep writing to can wait.
		if len(batch) < sweepBatch || !progress {
			return removed, nil
		}
	}
}

func (s *shared) expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	records, err := s.store.Expired(ctx, until, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return records, nil
}

// expire removes a record that is past its expiry and tells the observers.
// Errors: ErrNotFound if somebody else removed it, store.ErrConflict if
// somebody changed it since it was read.
func (m *Manager) expire(ctx context.Context, r store.Record) error {
	if err := m.remove(ctx, r); err != nil {
		return err
	}
	event := recordEvent(OpExpire, r)
	event.Outcome, event.Detail = Succeeded, "expired "+instant(r.ExpiresAt)
	m.observe(ctx, event)
	return nil
}

// Run removes the records of expired tokens as they fall due, of all
// registries, until ctx ends; then it returns nil. It wakes when the next
// token is due, and once a minute to look for what other processes made. While
// the store fails, Run tells the observers ([OpSweep]) and tries again, at
// growing intervals of up to a minute. It is optional: everything is right
// without it, and the store only grows. Several may run, in one process or in
// many.
func (m *Manager) Run(ctx context.Context) error {
	for failures := 0; ; {
		wait, err := m.sweepDue(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			m.observe(ctx, Event{Operation: OpSweep}.failed(err))
			wait = backoff(failures)
			failures++
		} else {
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-m.wakeSweep:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// sweepDue sweeps and returns how long it is until there is more to sweep.
func (m *Manager) sweepDue(ctx context.Context) (time.Duration, error) {
	// While this looks, any token written with an expiry wakes Run; after a
	// failure none does, so that the back-off holds.
	m.nextSweep.Store(math.MaxInt64)
	next := int64(0)
	defer func() { m.nextSweep.Store(next) }()
	if _, err := m.Sweep(ctx); err != nil {
		return 0, err
	}
	oldest, err := m.expired(ctx, store.MaxTime, 1)
	if err != nil {
		return 0, err
	}
	now := m.now()
	wait := sweepPoll
	if len(oldest) > 0 {
		wait = min(wait, oldest[0].ExpiresAt.Add(m.options.RemovalGrace).Sub(now))
	}
	if wait <= 0 { // somebody is writing to it; let them
		wait = sweepBusy
	}
	next = now.Add(wait).UnixMilli()
	return wait, nil
}

// sweepBy wakes Run if a token expires before Run means to wake.
func (m *Manager) sweepBy(expiry time.Time) {
	if expiry.IsZero() || expiry.Add(m.options.RemovalGrace).UnixMilli() >= m.nextSweep.Load() {
		return
	}
	select {
	case m.wakeSweep <- struct{}{}:
	default: // it has been told
	}
}

// backoff doubles with each failure, and varies so that many processes do not
// come back at once.
func backoff(failures int) time.Duration {
	longest := min(minSweepBackoff<<min(failures, 6), maxSweepBackoff)
	return longest/2 + rand.N(longest/2)
}
