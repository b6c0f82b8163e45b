package proof_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A fault is what goes wrong in one call of a store.
type fault string

// The faults. Those of writes say whether the write is applied; the store's
// answer does not always.
const (
	healthy       fault = "healthy"
	unavailable   fault = "unavailable"              // surely not applied
	cancelled     fault = "context ends before"      // surely not applied
	foreign       fault = "foreign error"            // of a read
	conflict      fault = "conflict"                 // though nobody wrote
	overtaken     fault = "overtaken"                // by another writer
	dropped       fault = "unknown, not applied"     //
	applied       fault = "unknown, applied"         //
	late          fault = "unknown, applied later"   //
	cutShort      fault = "context ends, applied"    //
	foreignAfter  fault = "foreign error, applied"   // an error that promises nothing
	foreignBefore fault = "foreign error, not done"  //
	replaced      fault = "unknown, then overtaken"  // not applied, nor can it be any more
	lostForGood   fault = "applied, then store down" // until the call that made it is over
)

var (
	readFaults   = []fault{unavailable, cancelled, foreign}
	createFaults = []fault{
		unavailable, cancelled, overtaken, dropped, applied, late, cutShort, foreignAfter, foreignBefore, replaced, lostForGood,
	}
	replaceFaults = append([]fault{conflict}, createFaults...)
)

var errNetwork = errors.New("connection reset by peer")

// A faultyStore fails as next tells it to. It is for one goroutine.
type faultyStore struct {
	store.Store // the healthy one

	next    func(choices []fault) fault
	rival   func()             // another process writes
	cancel  context.CancelFunc // ends the context of the call that is played
	down    bool               // until the call is over
	pending []func()           // writes that are still on their way
	written []fault            // what happened in the writes of the call
	landed  bool               // the last of them was applied before it returned
	puts    int                // applied
	deletes int                // applied
}

func failed(sentinel error) error { return fmt.Errorf("%w: %w", sentinel, errNetwork) }

// arrive applies what was on its way.
func (s *faultyStore) arrive() {
	for _, write := range s.pending {
		write()
	}
	s.pending = nil
}

// read decides whether a read fails.
func (s *faultyStore) read(ctx context.Context) error {
	if s.down {
		return failed(store.ErrUnavailable)
	}
	switch s.next(readFaults) {
	case unavailable:
		return failed(store.ErrUnavailable)
	case cancelled:
		s.cancel()
		if err := ctx.Err(); err != nil { // the Manager may read in a context of its own
			return err
		}
	case foreign:
		return errNetwork
	}
	return ctx.Err()
}

func (s *faultyStore) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if err := s.read(ctx); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *faultyStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if err := s.read(ctx); err != nil {
		return store.Record{}, err
	}
	return s.Store.GetByName(ctx, registry, name)
}

func (s *faultyStore) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.read(ctx); err != nil {
		return store.Page{}, err
	}
	return s.Store.List(ctx, q)
}

func (s *faultyStore) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	return s.Store.Expired(ctx, until, limit)
}

// write makes a write fail, or not. The write itself does not heed the
// context: that is the fault's to end.
func (s *faultyStore) write(ctx context.Context, faults []fault, do func() error) error {
	if s.down {
		return failed(store.ErrUnavailable)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f := s.next(faults)
	s.written, s.landed = append(s.written, f), false
	switch f {
	case unavailable:
		return failed(store.ErrUnavailable)
	case cancelled:
		s.cancel()
		return ctx.Err()
	case conflict:
		return failed(store.ErrConflict)
	case overtaken:
		s.rival()
	case dropped:
		return failed(store.ErrUnknown)
	case replaced:
		s.rival()
		return failed(store.ErrUnknown)
	case foreignBefore:
		return errNetwork
	case late:
		s.pending = append(s.pending, func() { _ = do() })
		return failed(store.ErrUnknown)
	}
	if err := do(); err != nil {
		return err
	}
	s.landed = true
	switch f {
	case applied:
		return failed(store.ErrUnknown)
	case foreignAfter:
		return errNetwork
	case cutShort:
		s.cancel()
		return fmt.Errorf("%w: %w", store.ErrUnknown, context.Canceled)
	case lostForGood:
		s.down = true
		return failed(store.ErrUnknown)
	}
	return nil
}

func (s *faultyStore) Put(ctx context.Context, r store.Record) (rev store.Rev, err error) {
	faults := replaceFaults
	if r.Rev == 0 {
		faults = createFaults
	}
	err = s.write(ctx, faults, func() (err error) {
		if rev, err = s.Store.Put(context.WithoutCancel(ctx), r); err == nil {
			s.puts++
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

func (s *faultyStore) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (rev store.Rev, err error) {
	err = s.write(ctx, replaceFaults, func() (err error) {
		if rev, err = s.Store.Delete(context.WithoutCancel(ctx), id, ifRev); err == nil {
			s.deletes++
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}
