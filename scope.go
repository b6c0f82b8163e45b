package regtoken

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// A ScopeType says what a scope is about.
type ScopeType string

// The types of scope. The zero ScopeType is invalid.
const (
	// RepositoryType is for the contents of the repositories whose name
	// matches the scope's path.
	RepositoryType ScopeType = "repository"

	// RegistryType is for listing the registry's repositories; the path says
	// which of them the listing shows.
	RegistryType ScopeType = "registry"
)

// A Scope is a right: on the repositories that match Path, the Actions. Scopes
// are values: equal by == when they are the same right. In JSON a scope is its
// text form.
type Scope struct {
	Type ScopeType

	// Path is a repository name in which each "*" stands for any run of
	// bytes, the empty run and "/" included. "*" alone is every repository.
	// 1 to 255 bytes of a-z, 0-9, ".", "_", "-", "/" and "*".
	Path string

	// Actions is at least one of Pull, Push and Admin for a RepositoryType
	// scope (Push only with Pull), and List for a RegistryType scope, where
	// the zero Action stands for List as well.
	Actions Action
}

// RepositoryScope returns a scope of [RepositoryType].
func RepositoryScope(path string, actions Action) Scope {
	return Scope{Type: RepositoryType, Path: path, Actions: actions}
}

// RegistryScope returns the scope of [RegistryType] that lists the
// repositories matching path.
func RegistryScope(path string) Scope {
	return Scope{Type: RegistryType, Path: path, Actions: List}
}

// ParseScope reads the text form, "repository:team/*:pull,push" or
// "registry:*:list": the type before the first colon, the actions behind the
// last. The error is a [*ValidationError] of the fields "scope", "type",
// "path" and "actions".
func ParseScope(text string) (Scope, error) {
	var v validation
	s := v.scopeText(text)
	if err := v.err(); err != nil {
		return Scope{}, err
	}
	return s, nil
}

// String returns the text form, which [ParseScope] reads if s is valid.
func (s Scope) String() string {
	return string(s.Type) + ":" + s.Path + ":" + s.Actions.String()
}

// Validate returns nil if s keeps every rule, or a [*ValidationError] of the
// fields "type", "path" and "actions".
func (s Scope) Validate() error {
	var v validation
	v.scope(s)
	return v.err()
}

// MarshalText returns the text form. It fails for an invalid scope.
func (s Scope) MarshalText() ([]byte, error) {
	s = s.normal()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the text form as [ParseScope] does.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}

// normal spells out the one action that a registry scope leaves open.
func (s Scope) normal() Scope {
	if s.Type == RegistryType && s.Actions == 0 {
		s.Actions = List
	}
	return s
}

// AddScopes gives a token the scopes that it lacks, and returns it as it then
// is. Those it has already change nothing. Errors: [ErrNotFound], [ErrInvalid]
// (fields "registry", "scopes[i].type", "scopes[i].path",
// "scopes[i].actions"; "scopes" if the token would grow too large),
// [ErrConflict], [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) AddScopes(ctx context.Context, id uuid.UUID, scopes ...Scope) (Token, error) {
	v := m.validation()
	normal := v.scopes(scopes)
	return m.change(ctx, OpAddScopes, id, v, func(e *entry, _ time.Time, event *Event) error {
		event.Scopes = e.addScopes(normal)
		if len(event.Scopes) == 0 {
			return errUnchanged
		}
		return nil
	})
}

// RemoveScope takes one scope from a token, and returns it as it then is.
// Errors: [ErrNotFound], [ErrScopeNotFound] if the token lacks the scope,
// [ErrInvalid] (fields "registry", "type", "path", "actions"), [ErrConflict],
// [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) RemoveScope(ctx context.Context, id uuid.UUID, scope Scope) (Token, error) {
	v := m.validation()
	v.scope(scope)
	return m.change(ctx, OpRemoveScopes, id, v, func(e *entry, _ time.Time, event *Event) error {
		i := slices.Index(e.Scopes, scope.normal())
		if i < 0 {
			return fmt.Errorf("%w: %v", ErrScopeNotFound, scope.normal())
		}
		event.Scopes = []Scope{e.Scopes[i]}
		if e.Scopes = slices.Delete(e.Scopes, i, i+1); len(e.Scopes) == 0 {
			e.Scopes = nil
		}
		return nil
	})
}

// RemoveAllScopes takes all scopes from a token, and returns it as it then is:
// able to log in, and to do nothing else. Errors: [ErrNotFound], [ErrInvalid]
// (field "registry"), [ErrConflict], [ErrUnavailable], [ErrOutcomeUnknown].
func (m *Manager) RemoveAllScopes(ctx context.Context, id uuid.UUID) (Token, error) {
	return m.change(ctx, OpRemoveScopes, id, m.validation(), func(e *entry, _ time.Time, event *Event) error {
		if len(e.Scopes) == 0 {
			return errUnchanged
		}
		event.Scopes, e.Scopes = e.Scopes, nil
		return nil
	})
}
