package frontend

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A StoreService is a front-end's store itself, as net/rpc serves it beside the
// Manager: for the proofs of the port. Its calls may be made at the same time.
type StoreService struct {
	store  store.Store
	config Config
}

// NewStoreService returns the service of a store. Of config it needs no more
// than Timeout.
func NewStoreService(opened store.Store, config Config) *StoreService {
	return &StoreService{store: opened, config: config}
}

// StoreCall says what to do, with what of it the call in question needs.
type StoreCall struct {
	Record         store.Record
	ID             uuid.UUID
	IfRev          store.Rev
	Registry, Name string
	After          store.Cursor
	Limit          int
}

// StoreReply is the answer to every StoreCall.
type StoreReply struct {
	Times
	Outcome Outcome
	Detail  string // the error's text
	Rev     store.Rev
	Record  store.Record
	Cursor  store.Cursor
	Batch   store.Batch
}

// storeOutcomeOf names the error of a store in the words of those of a Manager.
// A call whose context ended is unavailable: by the port nothing has changed.
func storeOutcomeOf(err error) Outcome {
	if err == nil {
		return ""
	}
	for _, known := range []struct {
		err     error
		outcome Outcome
	}{
		{store.ErrUnknown, Unknown},
		{store.ErrNotFound, NotFound},
		{store.ErrExists, NameTaken},
		{store.ErrConflict, Conflict},
		{store.ErrInvalid, Invalid},
		{store.ErrUnavailable, Unavailable},
		{context.Canceled, Unavailable},
		{context.DeadlineExceeded, Unavailable},
	} {
		if errors.Is(err, known.err) {
			return known.outcome
		}
	}
	return Other
}

// do makes one call of the store.
func (s *StoreService) do(reply *StoreReply, call func(context.Context) error) error {
	ctx, cancel := s.config.context()
	defer cancel()
	reply.Begin = Now()
	err := call(ctx)
	reply.End = Now()
	reply.Outcome = storeOutcomeOf(err)
	if err != nil {
		reply.Detail = err.Error()
	}
	return nil
}

// Put writes Record.
func (s *StoreService) Put(c StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Rev, err = s.store.Put(ctx, c.Record)
		return err
	})
}

// Delete deletes ID at IfRev.
func (s *StoreService) Delete(c StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Rev, err = s.store.Delete(ctx, c.ID, c.IfRev)
		return err
	})
}

// Get reads ID.
func (s *StoreService) Get(c StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Record, err = s.store.Get(ctx, c.ID)
		return err
	})
}

// GetByName reads Name of Registry.
func (s *StoreService) GetByName(c StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Record, err = s.store.GetByName(ctx, c.Registry, c.Name)
		return err
	})
}

// Head asks for the feed's end.
func (s *StoreService) Head(_ StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Cursor, err = s.store.Head(ctx)
		return err
	})
}

// Changes reads at most Limit changes behind After.
func (s *StoreService) Changes(c StoreCall, reply *StoreReply) error {
	return s.do(reply, func(ctx context.Context) (err error) {
		reply.Batch, err = s.store.Changes(ctx, c.After, c.Limit)
		return err
	})
}
