package regtoken

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/regtoken/regtoken/store"
)

const (
	// sweepBatch is how many expired records are fetched at once.
	sweepBatch = 256

	// maxSweepFailures is how many records one pass of the sweeper may fail to
	// remove before it gives up: one that resists must not keep the others.
	maxSweepFailures = 8

	// sweepPoll is the longest that Run goes without looking for the next
	// expiry: other processes make tokens too, and clocks jump.
	sweepPoll = time.Minute

	// sweepPause is the shortest.
	sweepPause = 100 * time.Millisecond

	minSweepBackoff = time.Second
	maxSweepBackoff = time.Minute
)

// Sweep removes the records of tokens past their expiry (and past
// [Options.RemovalGrace]), of all registries, and returns how many this call
// removed; observers are told of each. It goes on until none is left or calls
// of the store fail. Nothing but the room they take depends on it. Of several
// sweepers at once, one removes a token and tells of it; only where the
// store's acknowledgement is lost may two do so. Errors: [ErrUnavailable],
// [ErrOutcomeUnknown]; what was removed all the same is counted.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	removed := 0
	var failures []error
	for {
		batch, err := m.expired(ctx, m.now().Add(-m.options.RemovalGrace), sweepBatch)
		if err != nil {
			return removed, errors.Join(append(failures, err)...)
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
				failures = append(failures, err)
			}
			if err := ctx.Err(); err != nil {
				return removed, errors.Join(append(failures, unavailable(err))...)
			}
			if len(failures) == maxSweepFailures {
				return removed, errors.Join(failures...)
			}
		}
		// A batch of records that others keep writing to can wait.
		if len(batch) < sweepBatch || !progress {
			return removed, errors.Join(failures...)
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

// expire removes a record that is past its expiry and tells the observers,
// unless it was not its to remove. Errors: ErrNotFound if somebody else removed
// it, store.ErrConflict if somebody changed it since it was read.
func (s *shared) expire(ctx context.Context, r store.Record) error {
	err := s.remove(ctx, r.ID, r.Rev)
	if !s.isObserved() || errors.Is(err, ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return err
	}
	event := s.recordEvent(OpExpire, r)
	event.Outcome, event.Detail = Succeeded, "expired "+instant(r.ExpiresAt)
	if err != nil {
		event = event.failed(err)
	}
	s.observe(ctx, event)
	return err
}

// dueAt returns when the record of a token with this expiry is to be removed;
// the zero Time is never.
func (s *shared) dueAt(expiry time.Time) time.Time {
	if expiry.IsZero() {
		return time.Time{}
	}
	return expiry.Add(s.options.RemovalGrace)
}

// Run does what a Manager does by itself, until ctx ends; then it returns nil.
// It is optional: everything is right without it, only slower, and the store
// only grows. Several may run, in one process or in many.
//
// It removes the records of expired tokens as they fall due, of all
// registries: it wakes when the next token is due, and once a minute to look
// for what other processes made; it looks ten times a second at most. While the
// store fails, Run tells the observers ([OpSweep]) and tries again, at growing
// intervals of up to a minute.
//
// And it follows what other processes change ([Options].PollInterval,
// MaxStaleness), so that [Manager.Authenticate] can go by what is kept in
// memory ([Options].CacheSize), and changes need not read it anew. Of failures
// in a row the observers are told of the first ([OpRefresh]); [Manager.Stats]
// counts them all. A store in this process' memory needs no following, and is
// never behind.
func (m *Manager) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() {
		m.live.follow(ctx, func(err error) { m.observe(ctx, Event{Operation: OpRefresh}.failed(unavailable(err))) })
	})
	m.sweep(ctx)
	both.Wait()
	return nil
}

// sweep removes expired records as they fall due, until ctx ends.
func (m *Manager) sweep(ctx context.Context) {
	s := m.sweepers.add()
	defer m.sweepers.remove(s)
	for failures := 0; ctx.Err() == nil; {
		s.begin()
		next, err := m.sweepDue(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			m.observe(ctx, Event{Operation: OpSweep}.failed(err))
			_ = sleep(ctx, backoff(failures))
			failures++
		default:
			failures = 0
			m.await(ctx, s, next)
		}
	}
}

// sweepDue sweeps what is due and returns when there will be more; the zero Time
// is never. While nothing is due it asks the store one question.
func (m *Manager) sweepDue(ctx context.Context) (time.Time, error) {
	next, err := m.nextDue(ctx)
	if err != nil || next.IsZero() || next.After(m.now()) {
		return next, err
	}
	if _, err := m.Sweep(ctx); err != nil {
		return time.Time{}, err
	}
	return m.nextDue(ctx)
}

// nextDue returns when the first of all records is to be removed; the zero Time
// is never.
func (m *Manager) nextDue(ctx context.Context) (time.Time, error) {
	oldest, err := m.expired(ctx, store.MaxTime, 1)
	if err != nil || len(oldest) == 0 {
		return time.Time{}, err
	}
	return m.dueAt(oldest[0].ExpiresAt), nil
}

// await returns when next has come, or what the sweeper was told of that falls
// due earlier; after a minute at the latest.
func (m *Manager) await(ctx context.Context, s *sweeper, next time.Time) {
	if sleep(ctx, sweepPause) != nil {
		return
	}
	poll := time.NewTimer(sweepPoll - sweepPause)
	defer poll.Stop()
	for {
		next = s.earliest(next)
		var due <-chan time.Time
		if !next.IsZero() {
			timer := time.NewTimer(next.Sub(m.now()))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			return
		case <-due:
			return
		case <-s.told:
		}
	}
}

// backoff doubles with each failure, and varies so that many processes do not
// come back at once.
func backoff(failures int) time.Duration {
	longest := min(minSweepBackoff<<min(failures, 6), maxSweepBackoff)
	return longest/2 + rand.N(longest/2)
}
