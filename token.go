package regtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A Status says whether a token may be used.
type Status string

// The statuses. The zero Status stands for Enabled in a [TokenSpec], and for
// "as it is" in an [Edit].
const (
	Enabled  Status = "enabled"
	Disabled Status = "disabled" // authenticates nobody, until it is enabled again
)

// A Token is a named credential of one registry, as it stood when it was read.
// It holds no secret and is safe to show.
type Token struct {
	ID        uuid.UUID // version 7
	Registry  string    // "" is the default registry
	Name      string    // unique in the registry; never changes
	Owner     string    // the person or service it stands for, or ""
	Status    Status    // Enabled or Disabled
	CreatedAt time.Time // UTC, milliseconds
	ExpiresAt time.Time // UTC, milliseconds; zero: never
	Scopes    []Scope   // in the order in which they were added
	Secrets   []Secret  // the current one first; then the old one while it still lives
}

// A Secret describes one of a token's secrets, without it.
type Secret struct {
	ID        uuid.UUID // version 7
	CreatedAt time.Time // UTC, milliseconds
	ExpiresAt time.Time // when the overlap ends; zero for the current one
}

// MarshalJSON returns the token as an object with the members id, registry,
// name, owner, status, createdAt, expiresAt (null: never), scopes (text forms)
// and secrets (id, createdAt, expiresAt). Times are RFC 3339. Members may be
// added in later versions; none changes. [json.Unmarshal] reads it back.
func (t Token) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID        uuid.UUID  `json:"id"`
		Registry  string     `json:"registry"`
		Name      string     `json:"name"`
		Owner     string     `json:"owner"`
		Status    Status     `json:"status"`
		CreatedAt time.Time  `json:"createdAt"`
		ExpiresAt *time.Time `json:"expiresAt"`
		Scopes    []Scope    `json:"scopes"`
		Secrets   []Secret   `json:"secrets"`
	}{
		t.ID, t.Registry, t.Name, t.Owner, t.Status, t.CreatedAt, orNull(t.ExpiresAt),
		append([]Scope{}, t.Scopes...), append([]Secret{}, t.Secrets...),
	})
}

// MarshalJSON returns the secret's description as an object with the members
// id, createdAt and expiresAt (null for the current one).
func (s Secret) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID        uuid.UUID  `json:"id"`
		CreatedAt time.Time  `json:"createdAt"`
		ExpiresAt *time.Time `json:"expiresAt"`
	}{s.ID, s.CreatedAt, orNull(s.ExpiresAt)})
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// hasEnded reports whether an instant has come that something lasts until;
// the zero Time never comes.
func hasEnded(until, now time.Time) bool { return !until.IsZero() && !now.Before(until) }

// A TokenSpec is what a new token is to be.
type TokenSpec struct {
	// Name has 3 to 63 bytes: ASCII letters, digits and dashes, the first a
	// letter a-z, the last a letter or a digit.
	Name string

	// Owner is the person or service that the token stands for: at most 255
	// bytes of UTF-8 without control characters. It may be "".
	Owner string

	// Status is Enabled (also if zero) or Disabled.
	Status Status

	// Expiry is when the token is to be deleted, at least
	// [Options.MinLifetime] ahead at the moment of the call; it is rounded up
	// to the millisecond. Zero is never.
	Expiry time.Time

	// Lifetime says the same as a time from the moment of the call on, which
	// the caller cannot know to the nanosecond: an hour is an hour. Zero
	// leaves it to Expiry; not both may be set.
	Lifetime time.Duration

	// Scopes are the token's first rights; there may be none. Equal ones
	// count once.
	Scopes []Scope
}

// An Edit says what is to change about a token. The zero Edit changes nothing.
type Edit struct {
	Status Status       // zero: as it is
	Expiry ExpiryChange // zero: as it is
}

// An ExpiryChange is made by [SetExpiry], [SetLifetime] or [ClearExpiry]. The
// zero ExpiryChange changes nothing.
type ExpiryChange struct {
	kind  expiryChangeKind
	at    time.Time
	after time.Duration
}

type expiryChangeKind uint8

const (
	keepExpiry expiryChangeKind = iota
	setExpiry
	setLifetime
	clearExpiry
)

// SetExpiry moves the expiry to an instant at least [Options.MinLifetime]
// ahead, rounded up to the millisecond.
func SetExpiry(at time.Time) ExpiryChange { return ExpiryChange{kind: setExpiry, at: at} }

// SetLifetime moves the expiry to at least [Options.MinLifetime] after the
// moment of the edit.
func SetLifetime(d time.Duration) ExpiryChange { return ExpiryChange{kind: setLifetime, after: d} }

// ClearExpiry lets the token live until it is deleted.
func ClearExpiry() ExpiryChange { return ExpiryChange{kind: clearExpiry} }

// A Filter says which tokens [Manager.Tokens] returns; the zero Filter, all.
type Filter struct {
	NamePrefix string // keeps names that begin with it, byte for byte
	Owner      string // keeps tokens of exactly this owner; "" keeps all
}

// CreateToken makes a token and returns it with the one credential that logs
// in with it. The password is never returned again. Errors: [ErrInvalid] with
// all faults (fields "name", "owner", "status", "expiry", "lifetime", "scopes",
// "scopes[i].path" and so on), [ErrNameTaken], [ErrConflict],
// [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) CreateToken(ctx context.Context, spec TokenSpec) (Token, Credential, error) {
	e, credential, err := m.create(ctx, spec)
	event := Event{Operation: OpCreate, Registry: m.registry, TokenName: auditableName(spec.Name)}
	if err == nil || errors.Is(err, ErrOutcomeUnknown) { // there is, or may be, such a token
		event.TokenID, event.Owner = e.ID, e.Owner
	}
	if err != nil {
		m.observe(ctx, event.failed(err))
		return Token{}, Credential{}, err
	}
	event.Outcome, event.Scopes = Succeeded, e.Scopes
	event.Detail = fmt.Sprintf("status %s, expiry %s", e.Status, instant(e.ExpiresAt))
	m.observe(ctx, event)
	return e.Token, credential, nil
}

func (m *Manager) create(ctx context.Context, spec TokenSpec) (entry, Credential, error) {
	now := m.now()
	e, err := m.newEntry(spec, now)
	if err != nil {
		return entry{}, Credential{}, err
	}
	credential := m.issueSecret(&e, now)
	r, err := e.record()
	if err != nil {
		return entry{}, Credential{}, err
	}
	if err := m.insert(ctx, &e, r); err != nil {
		return e, Credential{}, err
	}
	m.sweepers.tell(m.dueAt(e.ExpiresAt))
	return e, credential, nil
}

func (m *Manager) newEntry(spec TokenSpec, now time.Time) (entry, error) {
	v := m.validation()
	v.name("name", spec.Name)
	v.owner(spec.Owner)
	v.status(spec.Status)
	expiry := v.specExpiry(spec, now, m.options.MinLifetime)
	scopes := v.scopes(spec.Scopes)
	if err := v.err(); err != nil {
		return entry{}, err
	}
	e := entry{version: recordVersion, Token: Token{
		ID:        newID(now),
		Registry:  m.registry,
		Name:      spec.Name,
		Owner:     spec.Owner,
		Status:    Enabled,
		CreatedAt: now.Truncate(time.Millisecond),
	}}
	if spec.Status != "" {
		e.Status = spec.Status
	}
	if !expiry.IsZero() {
		e.ExpiresAt = roundUp(expiry)
	}
	e.addScopes(scopes)
	return e, nil
}

// newID returns a UUID of version 7 whose time is the Manager's.
func newID(now time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := now.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

// issueSecret gives e a new current secret; what it had before is the
// caller's to end.
func (m *Manager) issueSecret(e *entry, now time.Time) Credential {
	secret := newSecret(m.options.SecretPrefix)
	described := Secret{ID: newID(now), CreatedAt: now.Truncate(time.Millisecond)}
	e.Secrets = slices.Insert(e.Secrets, 0, described)
	e.digests = slices.Insert(e.digests, 0, digestOf(secret))
	e.issued = described.ID
	return Credential{Name: e.Name, Password: NewPassword(secret), SecretID: described.ID}
}

// Token returns the token with this ID. Errors: [ErrNotFound],
// [ErrUnavailable], [ErrInvalid] (field "registry").
func (m *Manager) Token(ctx context.Context, id uuid.UUID) (Token, error) {
	r, err := m.record(ctx, id)
	if err != nil {
		return Token{}, err
	}
	return m.token(r)
}

// TokenByName returns the token with exactly this name. Errors: [ErrNotFound],
// [ErrUnavailable], [ErrInvalid] (fields "registry", "name").
func (m *Manager) TokenByName(ctx context.Context, name string) (Token, error) {
	v := m.validation()
	v.name("name", name)
	if err := v.err(); err != nil {
		return Token{}, err
	}
	r, err := m.recordByName(ctx, name)
	if err != nil {
		return Token{}, err
	}
	return m.token(r)
}

// token decodes a record that was read as one of this registry's. Of one that
// cannot be read it returns what stands outside.
func (m *Manager) token(r store.Record) (Token, error) {
	now := m.now()
	if hasEnded(r.ExpiresAt, now) {
		return Token{}, ErrNotFound
	}
	e, err := decodeRecord(r)
	if err != nil {
		return Token{ID: r.ID, Registry: r.Registry, Name: r.Name, ExpiresAt: r.ExpiresAt}, err
	}
	e.dropEndedSecrets(now)
	return e.Token, nil
}

// Tokens returns the registry's tokens in the order of their names, byte by
// byte, fetched as the loop goes. A token that is there during the whole loop
// comes exactly once. One that cannot be read comes with an error and no more
// than its ID, Registry, Name and ExpiresAt, and the loop may go on; any other
// error comes with the zero Token and ends it. Errors: [ErrUnavailable],
// [ErrInvalid] (fields "registry", "namePrefix", "owner").
func (m *Manager) Tokens(ctx context.Context, filter Filter) iter.Seq2[Token, error] {
	const pageSize = 100
	return func(yield func(Token, error) bool) {
		v := m.validation()
		v.filter(filter)
		if err := v.err(); err != nil {
			yield(Token{}, err)
			return
		}
		query := store.Query{Registry: m.registry, NamePrefix: filter.NamePrefix, Limit: pageSize}
		for {
			page, err := m.list(ctx, query)
			if err != nil {
				yield(Token{}, err)
				return
			}
			for _, r := range page.Records {
				if r.Registry != m.registry {
					continue
				}
				t, err := m.token(r)
				if errors.Is(err, ErrNotFound) || err == nil && filter.Owner != "" && t.Owner != filter.Owner {
					continue
				}
				if !yield(t, err) {
					return
				}
			}
			if query.After = page.Next; query.After == "" {
				return
			}
		}
	}
}

func (m *Manager) list(ctx context.Context, q store.Query) (store.Page, error) {
	if err := ctx.Err(); err != nil {
		return store.Page{}, unavailable(err)
	}
	page, err := m.store.List(ctx, q)
	if err != nil {
		return store.Page{}, unavailable(err)
	}
	return page, nil
}

// EditToken changes a token's status, its expiry, or both, and returns it as
// it then is. An expiry is checked when it is set, and left alone when only
// the status changes. The edit counts as made when it was begun: one that is
// under way as the token expires may still keep it. Errors: [ErrNotFound], [ErrInvalid] (fields "registry",
// "status", "expiry"), [ErrConflict], [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) EditToken(ctx context.Context, id uuid.UUID, edit Edit) (Token, error) {
	v := m.validation()
	v.status(edit.Status)
	now := m.now()
	if edit.Expiry.kind == setLifetime {
		edit.Expiry = SetExpiry(now.Add(edit.Expiry.after))
	}
	if edit.Expiry.kind == setExpiry {
		v.expiry(edit.Expiry.at, now, m.options.MinLifetime)
	}
	return m.change(ctx, OpEdit, id, v, func(e *entry, _ time.Time, event *Event) error {
		event.Detail = e.edit(edit)
		if event.Detail == "" {
			return errUnchanged
		}
		return nil
	})
}

// edit applies a valid edit and says what it changed, or "".
func (e *entry) edit(edit Edit) string {
	var changes []string
	if edit.Status != "" && edit.Status != e.Status {
		changes = append(changes, fmt.Sprintf("status %s to %s", e.Status, edit.Status))
		e.Status = edit.Status
	}
	if edit.Expiry.kind != keepExpiry {
		var expiry time.Time
		if edit.Expiry.kind == setExpiry {
			expiry = roundUp(edit.Expiry.at)
		}
		if !expiry.Equal(e.ExpiresAt) {
			changes = append(changes, fmt.Sprintf("expiry %s to %s", instant(e.ExpiresAt), instant(expiry)))
			e.ExpiresAt = expiry
		}
	}
	return strings.Join(changes, ", ")
}

// instant is a time as an event's detail shows it.
func instant(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339Nano)
}

// RotateSecret gives a token a new secret and returns the credential with it.
// The old secret stays good for the overlap: zero ends it at once. At most two
// secrets live: rotating during an overlap ends the older one. All else about
// the token stays. Errors: [ErrNotFound], [ErrInvalid] (fields "registry",
// "overlap": negative, or beyond the year 9999), [ErrConflict],
// [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) RotateSecret(ctx context.Context, id uuid.UUID, overlap time.Duration) (Credential, error) {
	v := m.validation()
	v.overlap(overlap, m.now())
	var credential Credential
	_, err := m.change(ctx, OpRotate, id, v, func(e *entry, now time.Time, event *Event) error {
		e.keepSecrets(1)
		if overlap == 0 {
			e.keepSecrets(0)
		} else {
			e.Secrets[0].ExpiresAt = roundUp(now.Add(overlap))
		}
		credential = m.issueSecret(e, now)
		event.Detail = fmt.Sprintf("secret %s, overlap %v", credential.SecretID, overlap)
		return nil
	})
	if err != nil {
		return Credential{}, err
	}
	return credential, nil
}

// RetireOldSecret ends the overlap of a rotation now, and returns the token as
// it then is. If there is no old secret it changes nothing. Errors:
// [ErrNotFound], [ErrInvalid] (field "registry"), [ErrConflict],
// [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) RetireOldSecret(ctx context.Context, id uuid.UUID) (Token, error) {
	return m.change(ctx, OpRetire, id, m.validation(), func(e *entry, _ time.Time, event *Event) error {
		if len(e.Secrets) < 2 {
			return errUnchanged
		}
		event.Detail = fmt.Sprintf("secret %s", e.Secrets[1].ID)
		e.keepSecrets(1)
		return nil
	})
}

// DeleteToken deletes a token for good. Its name is free at once. Errors:
// [ErrNotFound], [ErrInvalid] (field "registry"), [ErrConflict],
// [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) DeleteToken(ctx context.Context, id uuid.UUID) error {
	event, err := m.deleteToken(ctx, id)
	event.Operation, event.Registry, event.TokenID, event.Outcome = OpDelete, m.registry, id, Succeeded
	if err != nil {
		event = event.failed(err)
	}
	m.observe(ctx, event)
	return err
}

func (m *Manager) deleteToken(ctx context.Context, id uuid.UUID) (Event, error) {
	if event, err := m.deleteKept(ctx, id); !errors.Is(err, errUnsettled) {
		return event, err
	}
	var last Event // names the token, also where it comes to nothing
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return last, err
		}
		r, err := m.recordToChange(ctx, id)
		if err != nil {
			return last, err
		}
		last = m.recordEvent(OpDelete, r)
		if hasEnded(r.ExpiresAt, m.now()) {
			return last, ErrNotFound
		}
		err = m.remove(ctx, id, r.Rev)
		if !errors.Is(err, store.ErrConflict) {
			return last, err
		}
	}
	return last, ErrConflict
}
