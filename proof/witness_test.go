package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
)

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// A journal keeps the events it observes.
type journal struct {
	mu     sync.Mutex
	events []regtoken.Event
}

func (j *journal) Observe(_ context.Context, e regtoken.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

// Take returns the events since it was last called.
func (j *journal) Take() []regtoken.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	events := j.events
	j.events = nil
	return events
}

// told is the event that a call must send.
type told struct {
	operation regtoken.Operation
	err       error // Failed with this error
	reasons   []regtoken.Reason
	registry  string
	id        uuid.UUID
	token     *token // whose name and owner must be given; nil: it may be unknown
	name      string // where there is no token
	path      string
	asked     actions
	scopes    []regtoken.Scope // those changed
}

// outcome follows from what else is expected.
func (e told) outcome() regtoken.Outcome {
	switch {
	case e.err != nil:
		return regtoken.Failed
	case len(e.reasons) > 0:
		return regtoken.Denied
	default:
		return regtoken.Succeeded
	}
}

// requireTold checks that a Manager's observer was told exactly this.
func (w *world) requireTold(t *rapid.T, by *process, actor string, want ...told) {
	w.requireHeard(t, by.journal.Take(), actor, want...)
}

// requireHeard checks events that an observer heard, and that no other heard any.
func (w *world) requireHeard(t *rapid.T, events []regtoken.Event, actor string, want ...told) {
	for _, e := range events {
		w.requireNoSecret(t, e)
	}
	require.Len(t, events, len(want), "%+v", events)
	for i, e := range events {
		w.requireEvent(t, e, actor, want[i])
	}
	for _, other := range w.processes {
		require.Empty(t, other.journal.Take(), "told another Manager's observer")
	}
}

func (w *world) requireEvent(t *rapid.T, e regtoken.Event, actor string, want told) {
	require.Equal(t, want.operation, e.Operation)
	require.Equal(t, want.outcome(), e.Outcome, "%+v", e)
	require.True(t, w.model.now.Equal(e.Time))
	require.Equal(t, actor, e.Actor)
	if isRegistry(want.registry) {
		require.Equal(t, want.registry, e.Registry)
	} else {
		require.Empty(t, e.Registry) // somebody may have pasted anything
	}
	require.Equal(t, want.id, e.TokenID)
	if want.token != nil {
		require.Equal(t, []string{want.token.name, want.token.owner}, []string{e.TokenName, e.Owner})
	} else if want.name != "" {
		require.Equal(t, want.name, e.TokenName)
	}
	require.True(t, e.TokenName == "" || isName(e.TokenName), "%q", e.TokenName)
	if want.err != nil {
		require.ErrorIs(t, e.Err, want.err)
	} else {
		require.NoError(t, e.Err)
	}
	if len(want.reasons) > 0 {
		require.Contains(t, want.reasons, e.Reason)
	} else {
		require.Empty(t, e.Reason)
	}
	if want.operation == regtoken.OpAuthorize {
		require.Equal(t, want.asked.real(), e.Action)
		if isRepository(want.path) || want.path == "" {
			require.Equal(t, want.path, e.Path)
		}
	} else {
		require.Equal(t, want.scopes, e.Scopes)
	}
}

// sentinels are the errors a caller can tell apart.
var sentinels = []error{
	regtoken.ErrNotFound, regtoken.ErrScopeNotFound, regtoken.ErrNameTaken, regtoken.ErrConflict, regtoken.ErrInvalid,
	regtoken.ErrUnauthenticated, regtoken.ErrDenied, regtoken.ErrUnavailable, regtoken.ErrOutcomeUnknown,
}

// requireAnswer checks that a call came to what it must, and to nothing else.
func (w *world) requireAnswer(t *rapid.T, want answer, err error) {
	if want.err == nil {
		require.NoError(t, err)
		return
	}
	require.Error(t, err, "must be %v %v", want.err, want.faults)
	w.requireNoSecret(t, err)
	for _, sentinel := range sentinels {
		require.Equal(t, errors.Is(want.err, sentinel), errors.Is(err, sentinel), "must be %v: %v", want.err, err)
	}
	if errors.Is(want.err, regtoken.ErrInvalid) {
		require.Equal(t, want.faults, faultyFields(t, err), "%v", err)
	}
}

// faultyFields returns the set of fields of a validation error.
func faultyFields(t *rapid.T, err error) []string {
	var v *regtoken.ValidationError
	require.ErrorAs(t, err, &v)
	var fields []string
	for _, f := range v.Fields() {
		require.NotEmpty(t, f.Rule)
		fields = append(fields, f.Field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// issue notes a secret that nothing may ever show again.
func (w *world) issue(password string) {
	w.issued = append(w.issued, password)
	digest := sha256.Sum256([]byte(password))
	_, body, _ := strings.Cut(password, "_")
	w.hidden = append(w.hidden, body[:20], body[18:], hex.EncodeToString(digest[:]),
		base64.StdEncoding.EncodeToString(digest[:])[:40], base64.RawURLEncoding.EncodeToString(digest[:])[:40])
}

// requireNoSecret checks every form in which a value could be shown.
func (w *world) requireNoSecret(t *rapid.T, value any) {
	var shown bytes.Buffer
	fmt.Fprintf(&shown, "%v\n%+v\n%#v\n%s\n", value, value, value, value)
	if encoded, err := json.Marshal(value); err == nil {
		shown.Write(encoded)
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("shown", "value", value)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("shown", "value", value)
	text := shown.String()
	for _, hidden := range w.hidden {
		require.NotContains(t, text, hidden, "a secret shows")
	}
}
