package regtoken

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// The errors a caller can tell apart. Compare with [errors.Is]: most come
// wrapped in detail. A call that returns any of them but [ErrOutcomeUnknown]
// changed nothing.
var (
	// ErrNotFound: the registry has no such token. A token past its expiry,
	// or one of another registry, is not found.
	ErrNotFound = errors.New("regtoken: token not found")

	// ErrScopeNotFound: the token is there and has no such scope.
	ErrScopeNotFound = errors.New("regtoken: scope not found")

	// ErrNameTaken: another token of the registry has the name.
	ErrNameTaken = errors.New("regtoken: token name is taken")

	// ErrConflict: other writers changed the token each time that this call
	// tried to.
	ErrConflict = errors.New("regtoken: conflict with other writers")

	// ErrInvalid: the input breaks a rule. The error is a [*ValidationError],
	// which lists every one.
	ErrInvalid = errors.New("regtoken: invalid")

	// ErrUnauthenticated: who are you? The name is unknown, the secret wrong,
	// the token disabled or expired. Which of them it was, only the observers
	// are told.
	ErrUnauthenticated = errors.New("regtoken: unauthenticated")

	// ErrDenied: the token is good and may not do this. The error is a
	// [*DeniedError].
	ErrDenied = errors.New("regtoken: denied")

	// ErrUnavailable: the store could not be asked, or what it answered cannot
	// be read. Surely nothing changed.
	ErrUnavailable = errors.New("regtoken: store unavailable")

	// ErrOutcomeUnknown: a write was sent, its acknowledgement was lost, and
	// reading the token again did not settle it. It may have happened, or may
	// yet happen.
	ErrOutcomeUnknown = errors.New("regtoken: outcome unknown")
)

// A FieldError is one rule that one field of the input breaks. It never
// repeats the input, which may be a secret pasted into the wrong field.
type FieldError struct {
	// Field names the field as the caller wrote it: "name", "expiry",
	// "scopes[2].path".
	Field string `json:"field"`

	// Rule says what must hold, as in "must have 3 to 63 bytes".
	Rule string `json:"rule"`
}

// Error implements error: the field and the rule.
func (e FieldError) Error() string { return e.Field + " " + e.Rule }

// A ValidationError is all that is wrong with an input. [errors.Is] finds
// [ErrInvalid] in it, and [errors.As] the first [FieldError].
type ValidationError struct {
	faults *multierror.Error
}

// NewValidationError returns a [*ValidationError] of these faults, or nil if
// there are none: for code around a Manager that validates inputs of its own.
func NewValidationError(faults ...FieldError) error {
	var v validation
	for _, f := range faults {
		v.fault(f.Field, f.Rule)
	}
	return v.err()
}

// Error implements error: the faults on one line, at most 20 of them.
func (e *ValidationError) Error() string {
	const most = 20
	faults := e.faults.WrappedErrors()
	rules := make([]string, 0, most+1)
	for _, fault := range faults[:min(len(faults), most)] {
		rules = append(rules, fault.Error())
	}
	if len(faults) > most {
		rules = append(rules, fmt.Sprintf("and %d more", len(faults)-most))
	}
	return fmt.Sprintf("%v: %s", ErrInvalid, strings.Join(rules, "; "))
}

// Unwrap returns the [FieldError] values.
func (e *ValidationError) Unwrap() []error { return e.faults.WrappedErrors() }

// Is reports whether target is [ErrInvalid].
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

// Fields returns all faults in the order of the input's fields: at least one,
// but for the zero ValidationError, which has none.
// A frontend shows them beside its form fields.
func (e *ValidationError) Fields() []FieldError {
	faults := e.faults.WrappedErrors()
	fields := make([]FieldError, 0, len(faults))
	for _, fault := range faults {
		if field, ok := fault.(FieldError); ok {
			fields = append(fields, field)
		}
	}
	return fields
}

// A DeniedError says what a token may not do, and why. [errors.Is] finds
// [ErrDenied] in it.
type DeniedError struct {
	Path   string
	Action Action
	Reason Reason
}

// Error implements error.
func (e *DeniedError) Error() string {
	if e.Path == "" && e.Reason == ReasonNoRegistryScope {
		return fmt.Sprintf("%v: %v: %s", ErrDenied, e.Action, e.Reason)
	}
	return fmt.Sprintf("%v: %v on %q: %s", ErrDenied, e.Action, e.Path, e.Reason)
}

// Is reports whether target is [ErrDenied].
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }
