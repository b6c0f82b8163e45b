package regtoken

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// errUnsettled ends a change that began from what is kept, and that only the
// store can decide about.
var errUnsettled = errors.New("unsettled")

// tokenToChange is live.tokenToChange, for a call that may still go ahead.
func (m *Manager) tokenToChange(ctx context.Context, id uuid.UUID) snapshot {
	if !m.isValid || ctx.Err() != nil {
		return snapshot{}
	}
	return m.live.tokenToChange(ctx, m.registry, id)
}

// changeKept is a first attempt of change that spares the store a read: it
// begins from what is kept of the token. That decides nothing but what to write,
// on condition that it still stands: before a change is refused, or found to
// change nothing, the store is asked. Errors: errUnsettled then.
func (m *Manager) changeKept(ctx context.Context, id uuid.UUID, apply applyFunc) (entry, Event, error) {
	t := m.tokenToChange(ctx, id)
	if t.IsNone() {
		return entry{}, Event{}, errUnsettled
	}
	e, now := t.entry(), m.now()
	event := Event{TokenName: e.Name, Owner: e.Owner}
	if hasEnded(e.ExpiresAt, now) {
		return entry{}, Event{}, errUnsettled
	}
	e.dropEndedSecrets(now)
	if err := apply(&e, now, &event); err != nil {
		return entry{}, Event{}, errUnsettled
	}
	return e, event, unsettled(m.replace(ctx, &e))
}

// deleteKept is to deleteToken what changeKept is to change.
func (m *Manager) deleteKept(ctx context.Context, id uuid.UUID) (Event, error) {
	t := m.tokenToChange(ctx, id)
	if t.IsNone() || m.hasPassed(t.proofs().expiry()) {
		return Event{}, errUnsettled
	}
	event := Event{TokenName: t.Key().Second, Owner: t.owner()}
	return event, unsettled(m.remove(ctx, id, store.Rev(t.Rev())))
}

// unsettled returns the error of a write that rests on what is kept:
// errUnsettled if that may be why it was refused.
func unsettled(err error) error {
	if errors.Is(err, ErrOutcomeUnknown) { // whatever else it is
		return err
	}
	for _, refusal := range []error{store.ErrConflict, store.ErrInvalid, ErrNotFound, ErrInvalid} {
		if errors.Is(err, refusal) {
			return errUnsettled
		}
	}
	return err
}

// put writes the record of e. Where it surely was written, it is kept as it now
// stands: the next change need not read it.
func (m *Manager) put(ctx context.Context, e *entry, r store.Record) error {
	f := m.live.beginOwnWrite(r.ID)
	var written snapshot
	defer func() { m.live.wrote(r.ID, f, written) }() // also if the store panics
	rev, err := m.store.Put(ctx, r)
	if err == nil && f != nil {
		stands := *e
		stands.rev = rev
		if t, unreadable := stands.snapshot(len(r.Data)); unreadable == nil {
			written = t
		}
	}
	return err
}
