package regtoken

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-multierror"

	"github.com/regtoken/regtoken/internal/pattern"
	"github.com/regtoken/regtoken/store"
)

const (
	minNameLength  = 3
	maxNameLength  = 63
	maxOwnerLength = 255

	// maxScopes is more than fit into a record, each at its shortest:
	// "registry:*:list" in quotes, and a comma.
	maxScopes = store.MaxData / 18

	ruleActionText = `may hold only "pull", "push", "admin" and "list", joined by commas`
	ruleSize       = "must fit, with all else that is kept of the token and 1 KiB to spare, into 1 MiB"
)

var secretPrefixPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)

// A validation collects faults. The zero validation has none.
type validation struct {
	faults *multierror.Error
}

func (v *validation) fault(field, rule string) {
	v.faults = multierror.Append(v.faults, FieldError{Field: field, Rule: rule})
}

func (v *validation) fields() []FieldError { return (&ValidationError{v.faults}).Fields() }

// err returns nil when no fault was found. A nil *multierror.Error in an error
// would not be nil, so it never leaves this file.
func (v *validation) err() error {
	if v.faults == nil {
		return nil
	}
	return &ValidationError{faults: v.faults}
}

// invalid is the error of a single fault.
func invalid(field, rule string) error {
	return NewValidationError(FieldError{Field: field, Rule: rule})
}

// name checks a token name, and a registry name that is not "".
func (v *validation) name(field, name string) {
	if len(name) < minNameLength || len(name) > maxNameLength {
		v.fault(field, fmt.Sprintf("must have %d to %d bytes", minNameLength, maxNameLength))
	}
	v.nameBytes(field, name)
	if name == "" {
		return
	}
	if first := name[0]; first < 'a' || first > 'z' {
		v.fault(field, "must begin with a letter a-z")
	}
	if last := name[len(name)-1]; !isAlphanumeric(last) {
		v.fault(field, "must end with a letter or a digit")
	}
}

func (v *validation) nameBytes(field, name string) {
	if i := strings.IndexFunc(name, func(r rune) bool {
		return r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && r != '-'
	}); i >= 0 {
		v.fault(field, fmt.Sprintf("may hold only ASCII letters, digits and dashes (byte %d is none)", i))
	}
}

func isAlphanumeric(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// isTokenName reports whether name could be a token's.
func isTokenName(name string) bool {
	var v validation
	v.name("name", name)
	return v.err() == nil
}

func (v *validation) owner(owner string) {
	if len(owner) > maxOwnerLength {
		v.fault("owner", fmt.Sprintf("must have at most %d bytes", maxOwnerLength))
	}
	if !utf8.ValidString(owner) {
		v.fault("owner", "must be UTF-8")
	} else if i := strings.IndexFunc(owner, unicode.IsControl); i >= 0 {
		v.fault("owner", fmt.Sprintf("must not hold control characters (at byte %d)", i))
	}
	if len(FindSecrets(owner)) > 0 {
		v.fault("owner", "must not hold a secret")
	}
}

func (v *validation) status(s Status) {
	if s != "" && s != Enabled && s != Disabled {
		v.fault("status", `must be "enabled" or "disabled"`)
	}
}

// expiry checks an instant at which a token is to expire, seen from now.
func (v *validation) expiry(expiry, now time.Time, minLifetime time.Duration) {
	switch {
	case expiry.Sub(now) < minLifetime:
		v.fault("expiry", fmt.Sprintf("must lie at least %v ahead", minLifetime))
	case roundUp(expiry).After(store.MaxTime):
		v.fault("expiry", "must lie before the year 10000")
	}
}

// specExpiry checks the end of a new token, given in either way, and returns
// it; the zero Time is none.
func (v *validation) specExpiry(spec TokenSpec, now time.Time, minLifetime time.Duration) time.Time {
	expiry := spec.Expiry
	if spec.Lifetime != 0 {
		if !expiry.IsZero() {
			v.fault("lifetime", "must not be set beside an expiry")
			return expiry
		}
		expiry = now.Add(spec.Lifetime)
	}
	if !expiry.IsZero() {
		v.expiry(expiry, now, minLifetime)
	}
	return expiry
}

// overlap checks how long an old secret is to stay good, from now on.
func (v *validation) overlap(overlap time.Duration, now time.Time) {
	if overlap < 0 {
		v.fault("overlap", "must not be negative")
	} else if roundUp(now.Add(overlap)).After(store.MaxTime) {
		v.fault("overlap", "must end before the year 10000")
	}
}

// roundUp returns t in UTC, in whole milliseconds, never earlier than t.
func roundUp(t time.Time) time.Time {
	t = t.Round(0).UTC()
	rounded := t.Truncate(time.Millisecond)
	if rounded.Before(t) {
		rounded = rounded.Add(time.Millisecond)
	}
	return rounded
}

// scopes checks the scopes of an input and returns them spelled out.
func (v *validation) scopes(scopes []Scope) []Scope {
	if len(scopes) > maxScopes {
		v.fault("scopes", ruleSize)
		return nil
	}
	normal := make([]Scope, len(scopes))
	for i, s := range scopes {
		normal[i] = s.normal()
		var one validation
		one.scope(normal[i])
		for _, fault := range one.fields() {
			v.fault(fmt.Sprintf("scopes[%d].%s", i, fault.Field), fault.Rule)
		}
	}
	return normal
}

func (v *validation) scope(s Scope) {
	s = s.normal()
	v.scopeType(s.Type)
	v.scopePath(s.Path)
	v.scopeActions(s)
}

func (v *validation) scopePath(path string) {
	for _, fault := range pattern.Check(path) {
		v.fault("path", fault.Error())
	}
}

func (v *validation) scopeType(t ScopeType) {
	if t != RepositoryType && t != RegistryType {
		v.fault("type", `must be "repository" or "registry"`)
	}
}

func (v *validation) scopeActions(s Scope) {
	const field = "actions"
	switch {
	case s.Actions&^allActions != 0:
		v.fault(field, `may hold only "pull", "push", "admin" and "list"`)
	case s.Type == RegistryType && s.Actions != List:
		v.fault(field, `of a registry scope must be "list" alone`)
	case s.Type != RepositoryType:
	case s.Actions.Has(List):
		v.fault(field, `of a repository scope must not hold "list"`)
	case s.Actions == 0:
		v.fault(field, `must hold at least one of "pull", "push" and "admin"`)
	case s.Actions.Has(Push) && !s.Actions.Has(Pull):
		v.fault(field, `must hold "pull" where they hold "push"`)
	}
}

func (v *validation) scopeText(text string) Scope {
	first, last := strings.IndexByte(text, ':'), strings.LastIndexByte(text, ':')
	if first == last {
		v.fault("scope", `must have the form "type:path:actions"`)
		return Scope{}
	}
	s := Scope{Type: ScopeType(text[:first]), Path: text[first+1 : last]}
	var known bool
	if s.Actions, known = parseActions(text[last+1:]); known {
		v.scope(s)
		return s
	}
	v.scopeType(s.Type)
	v.scopePath(s.Path)
	v.fault("actions", ruleActionText)
	return s
}

// parseActions reads the text form of a set of actions.
func parseActions(text string) (set Action, known bool) {
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(actionNames[:], func(n actionName) bool { return n.name == name })
		if i < 0 {
			return 0, false
		}
		set |= actionNames[i].action
	}
	return set, true
}

func (v *validation) filter(f Filter) {
	if len(f.NamePrefix) > maxNameLength {
		v.fault("namePrefix", fmt.Sprintf("must have at most %d bytes", maxNameLength))
	}
	v.nameBytes("namePrefix", f.NamePrefix)
	v.owner(f.Owner)
}

func (v *validation) options(o Options) {
	if !secretPrefixPattern.MatchString(o.SecretPrefix) {
		v.fault("Options.SecretPrefix", "must match "+secretPrefixPattern.String())
	}
	if o.MinLifetime < 0 {
		v.fault("Options.MinLifetime", "must not be negative")
	}
	if o.RemovalGrace < 0 {
		v.fault("Options.RemovalGrace", "must not be negative")
	}
	if o.MaxStaleness < 0 {
		v.fault("Options.MaxStaleness", "must not be negative")
	}
	if o.PollInterval < 0 || o.PollInterval >= o.MaxStaleness {
		v.fault("Options.PollInterval", "must be shorter than MaxStaleness, and not negative")
	}
	if o.StoreTimeout < 0 {
		v.fault("Options.StoreTimeout", "must not be negative")
	}
	for i, observer := range o.Observers {
		if observer == nil {
			v.fault(fmt.Sprintf("Options.Observers[%d]", i), "must not be nil")
		}
	}
}
