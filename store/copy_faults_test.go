package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A fault is what goes wrong in a write.
type fault string

// The faults. What is unavailable is so until the store is healed.
const (
	healthy         fault = ""
	refused         fault = "unavailable"
	foreign         fault = "foreign error, applied"
	unknown         fault = "unknown, not applied"
	unknownApplied  fault = "unknown, applied"
	crashed         fault = "unavailable from then on"
	crashedApplied  fault = "applied, and unavailable from then on"
	unknownAndEnded fault = "unknown, applied, unavailable from then on, and the context ended"
)

var errNetwork = errors.New("connection reset")

// A faultyStore fails at the write that it is told to (unless that fails by
// itself), and lets others in between. It is for one goroutine.
type faultyStore struct {
	store.Store

	failAt      int // the first write is 1
	fault       fault
	cancel      context.CancelFunc // for unknownAndEnded
	beforeWrite func(n int)
	beforeLook  func(n int) // before the marker is looked at
	beforeList  func()
	changes     func() error // before Changes
	maxPage     int          // List returns no more, and empty pages in between; 0: as it is

	writes int
	looks  int
	pages  int
	down   bool
}

// heal ends what was wrong.
func (s *faultyStore) heal() { s.fault, s.down = healthy, false }

func (s *faultyStore) unavailable() error {
	if s.down {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
	}
	return nil
}

func (s *faultyStore) write(do func() (store.Rev, error)) (store.Rev, error) {
	if err := s.unavailable(); err != nil {
		return 0, err
	}
	s.writes++
	if s.beforeWrite != nil {
		s.beforeWrite(s.writes)
	}
	if s.writes != s.failAt || s.fault == healthy {
		return do()
	}
	switch s.fault {
	case foreign, unknownApplied, crashedApplied, unknownAndEnded:
		if rev, err := do(); err != nil {
			return rev, err
		}
	}
	switch s.fault {
	case foreign:
		return 0, errNetwork
	case unknown, unknownApplied:
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
	case unknownAndEnded:
		s.cancel()
		s.down = true
		return 0, fmt.Errorf("%w: %w", store.ErrUnknown, errNetwork)
	case crashed, crashedApplied:
		s.down = true
	}
	return 0, fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
}

func (s *faultyStore) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	return s.write(func() (store.Rev, error) { return s.Store.Put(ctx, r) })
}

func (s *faultyStore) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	return s.write(func() (store.Rev, error) { return s.Store.Delete(ctx, id, ifRev) })
}

func (s *faultyStore) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if err := s.unavailable(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *faultyStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if err := s.unavailable(); err != nil {
		return store.Record{}, err
	}
	if registry == "regtoken copy in progress" {
		s.looks++
		if s.beforeLook != nil {
			s.beforeLook(s.looks)
		}
	}
	return s.Store.GetByName(ctx, registry, name)
}

func (s *faultyStore) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.unavailable(); err != nil {
		return store.Page{}, err
	}
	if s.beforeList != nil {
		s.beforeList()
	}
	if s.maxPage > 0 {
		s.pages++
		if s.pages%2 == 0 && q.After != "" {
			return store.Page{Next: q.After}, nil
		}
		q.Limit = min(q.Limit, s.maxPage)
	}
	return s.Store.List(ctx, q)
}

func (s *faultyStore) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if s.changes != nil {
		if err := s.changes(); err != nil {
			return store.Batch{}, err
		}
	}
	return s.Store.Changes(ctx, after, limit)
}
