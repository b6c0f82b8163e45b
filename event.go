package regtoken

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// An Operation is what an [Event] tells of.
type Operation string

// The operations. All but OpAuthenticate and OpAuthorize are changes.
const (
	OpCreate       Operation = "create"        // a token was made
	OpEdit         Operation = "edit"          // its status or expiry changed
	OpRotate       Operation = "rotate"        // it got a new secret
	OpRetire       Operation = "retire"        // the old secret's overlap was ended
	OpDelete       Operation = "delete"        // it was deleted
	OpExpire       Operation = "expire"        // its record was removed, past its expiry
	OpAddScopes    Operation = "add-scopes"    // it got scopes
	OpRemoveScopes Operation = "remove-scopes" // it lost scopes
	OpSweep        Operation = "sweep"         // a pass of the sweeper; told only when it failed
	OpRefresh      Operation = "refresh"       // a look for what other processes changed; told only of the first of failures in a row
	OpAuthenticate Operation = "authenticate"  // a login was judged
	OpAuthorize    Operation = "authorize"     // a request was judged
)

// An Outcome is how an operation ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded" // done, or allowed
	Denied    Outcome = "denied"    // judged, and refused: see Event.Reason
	Failed    Outcome = "failed"    // not done, or not judged: see Event.Err
)

// A Reason is the true reason of a refusal, in a few words that do not change.
// The zero Reason stands for none.
type Reason string

// The reasons for refusing a login. A client is told none of them.
const (
	ReasonMalformedName   Reason = "malformed name"   // the name can be no token's
	ReasonMalformedSecret Reason = "malformed secret" // the checksum is wrong
	ReasonUnknownToken    Reason = "unknown token"
	ReasonWrongSecret     Reason = "wrong secret"
	ReasonDisabled        Reason = "token disabled"
	ReasonExpired         Reason = "token expired"          // also a reason for refusing a request
	ReasonSecretEnded     Reason = "secret's overlap ended" // likewise
)

// The reasons for refusing a request.
const (
	ReasonInvalidPath   Reason = "path is no repository name"
	ReasonInvalidAction Reason = "no such action"
	ReasonNoScope       Reason = "no scope matches the path"
	ReasonMissingAction Reason = "matching scopes lack the action"

	// ReasonNoRegistryScope is why the listing as a whole is refused.
	ReasonNoRegistryScope Reason = "no registry scope"
)

// An Event is one change or one decision. It holds no secret.
type Event struct {
	Time      time.Time // the Manager's clock
	Operation Operation
	Outcome   Outcome
	Actor     string // who did it: see [WithActor]; "" if the context names nobody
	Registry  string // "" also for a name that can be no registry's

	// The token in question, as far as it is known. The name that failed to
	// log in is given only if it could be a token's: people paste passwords
	// there.
	TokenID   uuid.UUID
	TokenName string
	Owner     string

	Path   string // OpAuthorize; what is no repository name is cut to 255 bytes; "" for the listing as a whole
	Action Action // OpAuthorize

	// Scopes are those added or removed, those that allowed a request, or
	// those that match its path but lack the action.
	Scopes []Scope

	Detail string // what a change consisted of, for people
	Reason Reason // why it was denied
	Err    error  // why it failed
}

// failed returns the event of an operation that ended in err.
func (e Event) failed(err error) Event {
	e.Outcome, e.Err = Failed, err
	return e
}

// recordEvent begins an event about the token in a record, whose owner is
// named if the record can be read.
func (s *shared) recordEvent(op Operation, r store.Record) Event {
	e := Event{Operation: op, Registry: r.Registry, TokenID: r.ID, TokenName: r.Name}
	if !s.isObserved() {
		return e
	}
	if data, err := decodeData(r.Data); err == nil {
		e.Owner = data.Owner
	}
	return e
}

// MarshalJSON returns an object with the members of LogValue and "time"; what
// is not set is left out, and Err is its text.
func (e Event) MarshalJSON() ([]byte, error) {
	failure := ""
	if e.Err != nil {
		failure = e.Err.Error()
	}
	return json.Marshal(struct {
		Time      time.Time `json:"time"`
		Operation Operation `json:"operation"`
		Outcome   Outcome   `json:"outcome"`
		Registry  string    `json:"registry"`
		Actor     string    `json:"actor,omitempty"`
		TokenID   uuid.UUID `json:"token_id,omitzero"`
		TokenName string    `json:"token,omitempty"`
		Owner     string    `json:"owner,omitempty"`
		Path      string    `json:"path,omitempty"`
		Action    Action    `json:"action,omitzero"`
		Scopes    []Scope   `json:"scopes,omitempty"`
		Detail    string    `json:"detail,omitempty"`
		Reason    Reason    `json:"reason,omitempty"`
		Err       string    `json:"error,omitempty"`
	}{
		e.Time, e.Operation, e.Outcome, e.Registry, e.Actor, e.TokenID, e.TokenName, e.Owner,
		e.Path, e.Action & allActions, e.Scopes, e.Detail, e.Reason, failure,
	})
}

// LogValue returns the fields that are set, as a group.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(e.attrs()...)
}

func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("operation", string(e.Operation)),
		slog.String("outcome", string(e.Outcome)),
		slog.String("registry", e.Registry),
	}
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("actor", e.Actor)
	if e.TokenID != uuid.Nil {
		text("token_id", e.TokenID.String())
	}
	text("token", e.TokenName)
	text("owner", e.Owner)
	if e.Operation == OpAuthorize {
		attrs = append(attrs, slog.String("path", e.Path), slog.String("action", e.Action.String()))
	}
	if len(e.Scopes) > 0 {
		attrs = append(attrs, slog.Any("scopes", e.Scopes))
	}
	text("detail", e.Detail)
	text("reason", string(e.Reason))
	if e.Err != nil {
		text("error", e.Err.Error())
	}
	return attrs
}

// An Observer is told of every change and every decision, in the goroutine
// that made it, after it was made, and while no lock is held. It must be safe
// for concurrent use, and it is on the path of every request: one that is slow
// slows all. A panic in it is contained: it changes nothing, the observers
// behind it are still told, and [slog.Default] logs it as an error.
type Observer func(context.Context, Event)

// SlogObserver returns an Observer that logs each event to logger under the
// message "regtoken" and with the event's time: a store that fails as an error,
// other failures (invalid input and the like) and denials as warnings, changes
// as information, and what was allowed as debug output. A nil logger is
// [slog.Default], as it is at each event.
func SlogObserver(logger *slog.Logger) Observer {
	return func(ctx context.Context, e Event) {
		l := logger
		if l == nil {
			l = slog.Default()
		}
		if !l.Enabled(ctx, e.level()) {
			return
		}
		record := slog.NewRecord(e.Time, e.level(), "regtoken", 0)
		record.AddAttrs(e.attrs()...)
		_ = l.Handler().Handle(ctx, record) // as slog's own methods do
	}
}

func (e Event) level() slog.Level {
	decision := e.Operation == OpAuthenticate || e.Operation == OpAuthorize
	switch {
	case errors.Is(e.Err, ErrUnavailable), errors.Is(e.Err, ErrOutcomeUnknown):
		return slog.LevelError
	case e.Outcome != Succeeded:
		return slog.LevelWarn
	case decision:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// An actorContext carries an actor, in one allocation: every guarded request has
// one.
type actorContext struct {
	context.Context
	actor string
}

type actorKey struct{}

func (c *actorContext) Value(key any) any {
	if key == (actorKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// WithActor returns a context that names who acts: the administrator behind a
// change, or the client's address behind a request. Events carry it.
func WithActor(ctx context.Context, actor string) context.Context {
	return &actorContext{ctx, actor}
}

// ActorFrom returns the actor that [WithActor] put into ctx, or "".
func ActorFrom(ctx context.Context) string {
	if c, ok := ctx.Value(actorKey{}).(*actorContext); ok {
		return c.actor
	}
	return ""
}

func (s *shared) isObserved() bool { return s != nil && len(s.options.Observers) > 0 }

// observe completes the event and tells every observer.
func (s *shared) observe(ctx context.Context, e Event) {
	if !s.isObserved() {
		return
	}
	e.Time = s.now()
	e.Actor = ActorFrom(ctx)
	e.Registry = auditableName(e.Registry)
	scopes := e.Scopes
	for _, observer := range s.options.Observers {
		e.Scopes = slices.Clone(scopes)
		contain(ctx, observer, e)
	}
}

// contain keeps a panicking observer from failing what it only observes.
func contain(ctx context.Context, observer Observer, e Event) {
	defer func() {
		if fault := recover(); fault != nil {
			slog.ErrorContext(ctx, "regtoken: an observer panicked", "operation", string(e.Operation), "panic", fault)
		}
	}()
	observer(ctx, e)
}
