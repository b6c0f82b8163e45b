package kill_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// someID stands for an ID that nobody was told: what makes it was not
// acknowledged.
var someID = uuid.Max

// A state is what stands under a name. The zero state is nothing.
type state struct {
	id       uuid.UUID // the nil UUID: there is no token
	disabled bool
	expiry   time.Time
	scopes   string // with a space after each
	secret   uuid.UUID
	old      uuid.UUID // the secret before, while it lives
}

func (s state) exists() bool { return s.id != uuid.Nil }

func (s state) String() string {
	if !s.exists() {
		return "nothing"
	}
	return fmt.Sprintf("{%v disabled=%t expiry=%v scopes=%q secrets=%v,%v}", s.id, s.disabled, s.expiry, s.scopes, s.secret, s.old)
}

// fits reports whether s, which may hold unknown IDs, can be what was found.
func (s state) fits(found state) bool {
	for _, id := range []struct{ known, found *uuid.UUID }{{&s.id, &found.id}, {&s.secret, &found.secret}, {&s.old, &found.old}} {
		if *id.known == someID && *id.found != uuid.Nil {
			*id.known = *id.found
		}
	}
	return s == found
}

// described is the state that a reply describes.
func described(r frontend.Reply) state {
	s := state{id: r.ID, disabled: r.Disabled, expiry: r.Expiry.UTC()}
	for _, scope := range r.Scopes {
		s.scopes += scope + " "
	}
	if len(r.Secrets) > 0 {
		s.secret = r.Secrets[0]
	}
	if len(r.Secrets) > 1 {
		s.old = r.Secrets[1]
	}
	return s
}

// A call is one that changes a token.
type call struct {
	frontend.Call
	method string
}

func (c call) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %v disable=%t scopes=%v expiry=%v overlap=%v",
		c.method, c.Name, c.ID, c.Disable, c.Scopes, c.Expiry, c.Lifetime))
}

// apply returns what the call makes of s, and whether it can succeed on it. The
// IDs that it makes are unknown.
func (c call) apply(s state) (after state, possible bool) {
	if c.method == "Create" {
		if s.exists() {
			return s, false
		}
		return state{id: someID, expiry: c.Expiry, scopes: joined(c.Scopes), secret: someID}, true
	}
	if s.id == someID {
		s.id = c.ID
	}
	if !s.exists() || s.id != c.ID {
		return s, false
	}
	switch c.method {
	case "Edit":
		s.disabled = c.Disable
	case "Renew":
		s.expiry = c.Expiry
	case "AddScopes":
		if added := joined(c.Scopes); !strings.Contains(s.scopes, added) {
			s.scopes += added
		}
	case "RemoveAllScopes":
		s.scopes = ""
	case "Rotate":
		if c.Lifetime > 0 {
			s.old = s.secret
		} else {
			s.old = uuid.Nil
		}
		s.secret = someID
	case "Delete":
		return state{}, true
	}
	return s, true
}

func joined(scopes []string) (all string) {
	for _, scope := range scopes {
		all += scope + " "
	}
	return all
}

// told narrows a state, which a successful call may have led to, by what the
// reply says; it reports false if the reply contradicts it.
func (c call) told(s state, r frontend.Reply) (state, bool) {
	switch c.method {
	case "Delete":
		return s, true
	case "Rotate":
		s.secret = r.SecretID
		return s, r.ID == s.id
	}
	found := described(r)
	return found, s.fits(found)
}

// states are a set.
type states []state

func (all states) with(s state) states {
	if slices.Contains(all, s) {
		return all
	}
	return append(slices.Clip(all), s)
}

// that returns the states that f keeps.
func (all states) that(f func(state) bool) (kept states) {
	for _, s := range all {
		if f(s) {
			kept = kept.with(s)
		}
	}
	return kept
}
