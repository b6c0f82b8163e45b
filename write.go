package regtoken

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

const (
	// maxAttempts bounds how often a write is tried that others keep
	// overtaking. Of n writers at once each round lets one through, so it
	// takes very many to get there.
	maxAttempts = 1000

	// settleTimeout is how long a write whose acknowledgement was lost is
	// looked for, even if the caller's context has ended.
	settleTimeout = 5 * time.Second
)

// errUnchanged ends a change that leaves the token as it is.
var errUnchanged = errors.New("unchanged")

// unavailable is the error for a store that gave no answer.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// read asks the store for a record of this registry; what it returns besides,
// isAsked must recognise.
func (m *Manager) read(ctx context.Context, get func() (store.Record, error), isAsked func(store.Record) bool) (store.Record, error) {
	v := m.validation()
	if err := v.err(); err != nil {
		return store.Record{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Record{}, unavailable(err)
	}
	r, err := get()
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (r.Registry != m.registry || !isAsked(r)):
		return store.Record{}, ErrNotFound
	case err != nil:
		return store.Record{}, unavailable(err)
	}
	return r, nil
}

// record returns the record with this ID if it is one of this registry's.
func (m *Manager) record(ctx context.Context, id uuid.UUID) (store.Record, error) {
	return m.read(ctx,
		func() (store.Record, error) { return m.store.Get(ctx, id) },
		func(r store.Record) bool { return r.ID == id })
}

// recordToChange is record for a change. Whatever comes of the change, logins go
// behind what it found no more: a token that turned out to be disabled already
// is as disabled as one that this call disabled.
func (m *Manager) recordToChange(ctx context.Context, id uuid.UUID) (store.Record, error) {
	r, err := m.record(ctx, id)
	switch {
	case err == nil:
		m.live.changed(store.Change{ID: id, Rev: r.Rev})
	case errors.Is(err, ErrNotFound):
		m.live.changed(store.Change{ID: id, Rev: ownWrite})
	}
	return r, err
}

// recordByName returns this registry's record of exactly this name.
func (m *Manager) recordByName(ctx context.Context, name string) (store.Record, error) {
	return m.read(ctx,
		func() (store.Record, error) { return m.store.GetByName(ctx, m.registry, name) },
		func(r store.Record) bool { return r.Name == name })
}

// An applyFunc edits a token as it stood when it was read, at the instant now.
// It returns errUnchanged when there is nothing to write, and completes the
// event when there is.
type applyFunc func(e *entry, now time.Time, event *Event) error

// change reads a token, applies an edit, and writes it back on condition that
// nobody else wrote meanwhile; if somebody did, it begins again with what they
// wrote. With a fault in the input it only says so.
func (m *Manager) change(ctx context.Context, op Operation, id uuid.UUID, input validation, apply applyFunc) (Token, error) {
	e, event, err := m.tryChange(ctx, id, input, apply)
	event.Operation, event.Registry, event.TokenID = op, m.registry, id
	switch {
	case errors.Is(err, errUnchanged):
		return e.Token, nil
	case err != nil:
		m.observe(ctx, event.failed(err))
		return Token{}, err
	}
	event.Outcome = Succeeded
	m.observe(ctx, event)
	m.sweepers.tell(m.dueAt(e.ExpiresAt))
	return e.Token, nil
}

func (m *Manager) tryChange(ctx context.Context, id uuid.UUID, input validation, apply applyFunc) (entry, Event, error) {
	if err := input.err(); err != nil {
		return entry{}, m.eventAbout(ctx, id), err
	}
	if e, event, err := m.changeKept(ctx, id, apply); !errors.Is(err, errUnsettled) {
		return e, event, err
	}
	var last Event // names the token, also where it comes to nothing
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return entry{}, last, err
		}
		e, event, err := m.changeOnce(ctx, id, apply)
		if !errors.Is(err, store.ErrConflict) {
			if event.TokenName == "" { // it could not be read this time
				event = last
			}
			return e, event, err
		}
		last = Event{TokenName: event.TokenName, Owner: event.Owner}
	}
	return entry{}, last, ErrConflict
}

// eventAbout begins an event about a token that there is no other reason to
// read.
func (m *Manager) eventAbout(ctx context.Context, id uuid.UUID) Event {
	if !m.isObserved() {
		return Event{}
	}
	r, err := m.record(ctx, id)
	if err != nil {
		return Event{}
	}
	return m.recordEvent("", r)
}

// changeOnce is one attempt of change. Errors: store.ErrConflict if somebody
// else was faster.
func (m *Manager) changeOnce(ctx context.Context, id uuid.UUID, apply applyFunc) (entry, Event, error) {
	r, err := m.recordToChange(ctx, id)
	if err != nil {
		return entry{}, Event{}, err
	}
	now := m.now()
	if hasEnded(r.ExpiresAt, now) {
		return entry{}, Event{}, ErrNotFound
	}
	event := Event{TokenName: r.Name}
	e, err := decodeRecord(r)
	if err != nil {
		return entry{}, event, err
	}
	event.Owner = e.Owner
	dropped := e.dropEndedSecrets(now)
	switch err := apply(&e, now, &event); {
	case errors.Is(err, errUnchanged) && dropped:
		// What has ended stays ended, also where a clock is behind.
		return e, event, cmp.Or(m.replace(ctx, &e), err)
	case err != nil:
		return e, event, err
	}
	return e, event, m.replace(ctx, &e)
}

// insert creates a token by its record. One past its expiry that still holds the
// name is removed for it.
func (m *Manager) insert(ctx context.Context, e *entry, r store.Record) error {
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		err := m.put(ctx, e, r)
		if errors.Is(err, store.ErrConflict) { // with nothing to conflict with
			return unavailable(err)
		}
		if !errors.Is(err, store.ErrExists) {
			return m.settle(ctx, err, r.ID, func(found *store.Record) error {
				if found == nil {
					return ErrOutcomeUnknown // it may yet arrive
				}
				return nil
			})
		}
		holder, err := m.recordByName(ctx, r.Name)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return err
		case holder.ID == r.ID: // somebody on the way to the store tried twice
			return nil
		case !hasEnded(holder.ExpiresAt, m.now()):
			return ErrNameTaken
		}
		switch err := m.expire(ctx, holder); {
		case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, store.ErrConflict):
		case errors.Is(err, ErrOutcomeUnknown):
			// Whatever became of the old record, the new one was not written.
			return unavailable(errors.New("removing the expired token of that name: " + err.Error()))
		default:
			return err
		}
	}
	return ErrConflict
}

// replace writes a changed token. Errors: store.ErrConflict.
func (m *Manager) replace(ctx context.Context, e *entry) error {
	r, err := e.record()
	if err != nil {
		return err
	}
	return m.settle(ctx, m.put(ctx, e, r), r.ID, func(found *store.Record) error {
		switch {
		case found == nil, found.Rev == r.Rev:
			return ErrOutcomeUnknown
		case found.ExpiresAt.Equal(r.ExpiresAt) && bytes.Equal(found.Data, r.Data), e.issuedIn(*found):
			return nil
		}
		return ErrOutcomeUnknown
	})
}

// issuedIn reports whether a record holds the secret that e was issued: then
// e's write happened, whatever others wrote on top of it.
func (e *entry) issuedIn(r store.Record) bool {
	if e.issued == uuid.Nil {
		return false
	}
	data, err := decodeData(r.Data)
	return err == nil && slices.ContainsFunc(data.Secrets, func(s secretData) bool { return s.ID == e.issued })
}

// remove deletes the record that stands at rev. Errors: ErrNotFound,
// store.ErrConflict.
func (s *shared) remove(ctx context.Context, id uuid.UUID, rev store.Rev) error {
	_, err := s.store.Delete(ctx, id, rev)
	s.live.changed(store.Change{ID: id, Rev: ownWrite})
	return s.settle(ctx, err, id, func(found *store.Record) error {
		switch {
		case found == nil && isContextEnd(err):
			return ErrNotFound // by the port's word somebody else removed it
		case found == nil:
			return nil
		case found.Rev == rev:
			return ErrOutcomeUnknown
		default:
			return store.ErrConflict
		}
	})
}

// settle turns the error of a store's write into that of the call it serves.
// If the write may or may not have happened, it reads the record again and
// lets judge say what follows from it (nil: it is not there).
func (s *shared) settle(ctx context.Context, err error, id uuid.UUID, judge func(found *store.Record) error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUnknown):
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrConflict):
		return store.ErrConflict
	case isSure(err):
		return unavailable(err)
	}
	verdict := s.reread(ctx, id, judge, !isContextEnd(err))
	// A login may have read the record before the write arrived.
	s.live.changed(store.Change{ID: id, Rev: ownWrite})
	switch {
	case !errors.Is(verdict, ErrOutcomeUnknown):
		return verdict
	case isContextEnd(err):
		return unavailable(err)
	}
	return fmt.Errorf("%w: %w", verdict, err)
}

// reread looks for a write whatever became of the caller, and if it insists
// tries again as long as the store cannot be asked: what ate the
// acknowledgement may eat the first answer too.
func (s *shared) reread(ctx context.Context, id uuid.UUID, judge func(found *store.Record) error, insist bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		found, err := s.store.Get(ctx, id)
		switch {
		case err == nil:
			return judge(&found)
		case errors.Is(err, store.ErrNotFound):
			return judge(nil)
		case !insist, errors.Is(err, store.ErrClosed), sleep(ctx, wait) != nil:
			return ErrOutcomeUnknown
		}
	}
}

// isContextEnd reports whether a store gave up since its context ended, and
// does not say that the outcome is unknown. By the port nothing was written
// then; but a store that hands its driver's error on breaks this rule before
// any other, so settle looks.
func isContextEnd(err error) bool {
	return (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) && !errors.Is(err, store.ErrUnknown)
}

// isSure reports whether a store's error promises that nothing was written. An
// error that is none of the port's promises nothing.
func isSure(err error) bool {
	for _, sure := range []error{store.ErrExists, store.ErrInvalid, store.ErrClosed, store.ErrUnavailable} {
		if errors.Is(err, sure) {
			return true
		}
	}
	return false
}

// pause lets other writers go first: not at all before the first attempts,
// then for a random time that grows to some milliseconds.
func pause(ctx context.Context, attempt int) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if attempt < 3 {
		return nil
	}
	longest := min(time.Duration(attempt)*100*time.Microsecond, 20*time.Millisecond)
	if err := sleep(ctx, rand.N(longest)); err != nil {
		return unavailable(err)
	}
	return nil
}

// sleep returns nil after d, or why ctx ended before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
