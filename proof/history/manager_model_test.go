package history_test

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// The calls of a Manager that histories are made of, as [frontend.Service] names
// them, and two that together are less than a removal.
const (
	create       = "Create"
	edit         = "Edit"
	addScopes    = "AddScopes"
	removeScopes = "RemoveAllScopes"
	rotate       = "Rotate"
	retire       = "Retire"
	remove       = "Delete"
	read         = "Token"
	readByName   = "TokenByName"
	login        = "Authenticate"

	wasThere = "was there" // the token, at some instant of the call
	isGone   = "is gone"   // the token is removed if it is there
)

// managerChoices are those that a worker chooses from.
var managerChoices = []string{create, edit, addScopes, removeScopes, rotate, retire, remove, read, readByName, login}

// A managerInput is one call of a Manager about one name.
type managerInput struct {
	method  string
	id      uuid.UUID // of the token; of readByName, create and login: none
	secret  uuid.UUID // that a login presents; nil: none that was ever issued
	disable bool
	scopes  string // in text form, with a space between them
	overlap bool   // of a rotation: the old secret lives on
}

type managerOutput struct {
	outcome frontend.Outcome
	token   token     // as it is shown
	secret  uuid.UUID // that was issued, or by which a login was admitted
}

func (in managerInput) String() string {
	return fmt.Sprintf("%s token %s secret %s disable=%t scopes=%q overlap=%t",
		in.method, short(in.id), short(in.secret), in.disable, in.scopes, in.overlap)
}

func (out managerOutput) String() string {
	return fmt.Sprintf("%s %v secret %s", cmp.Or(out.outcome, "ok"), out.token, short(out.secret))
}

// A token is the state of one name, and what a Manager shows of it.
type token struct {
	id       uuid.UUID // nil: there is none
	disabled bool
	scopes   string       // in text form, in their order, with a space between them
	secrets  [2]uuid.UUID // the current one; the old one in its overlap
}

func (t token) String() string {
	if t.id == uuid.Nil {
		return "no token"
	}
	return fmt.Sprintf("token %s disabled=%t scopes=%q secrets %s %s",
		short(t.id), t.disabled, t.scopes, short(t.secrets[0]), short(t.secrets[1]))
}

// lost stands for an ID that was in a lost acknowledgement, until it is read.
var lost = uuid.Max

// A managerState is a token, and the IDs that were lost and found. None of them
// may be found twice.
type managerState struct {
	token
	found string
}

// A managerModel says what a Manager may answer, about one name.
type managerModel struct {
	acknowledged map[uuid.UUID]bool // IDs of tokens and secrets that were handed out
}

// newManagerModel returns the model for a history.
func newManagerModel(operations []porcupine.Operation) managerModel {
	m := managerModel{acknowledged: make(map[uuid.UUID]bool)}
	for _, o := range operations {
		out := o.Output.(managerOutput)
		switch o.Input.(managerInput).method {
		case create:
			m.acknowledged[out.token.id], m.acknowledged[out.secret] = true, true
		case rotate:
			m.acknowledged[out.secret] = true
		}
	}
	return m
}

// step reports whether the answer is one that the specification allows, and the
// state after it. A change whose outcome is unknown is one that happens; if it
// did not, it happens after all else.
func (m managerModel) step(s managerState, in managerInput, out managerOutput) (bool, managerState) {
	switch in.method {
	case create:
		return s.create(in, out)
	case readByName, login:
		return m.look(s, in, out)
	}
	if isThere := s.id == in.id && s.id != uuid.Nil; !isThere {
		isTrue := out.outcome == frontend.NotFound || out.outcome == frontend.Unknown || in.method == isGone
		return isTrue, s
	}
	next := s.after(in, out)
	switch {
	case out.outcome == frontend.Unknown:
		return true, next
	case out.outcome != "":
		return false, s
	case in.method == remove, in.method == rotate, in.method == isGone, in.method == wasThere:
		return true, next
	}
	return m.shows(next, out.token)
}

func (s managerState) create(in managerInput, out managerOutput) (bool, managerState) {
	isTaken := s.id != uuid.Nil
	next := s
	next.token = token{id: lost, scopes: in.scopes, secrets: [2]uuid.UUID{lost}}
	switch out.outcome {
	case frontend.NameTaken:
		return isTaken, s
	case frontend.Unknown:
		if isTaken {
			return true, s
		}
		return true, next
	}
	next.id, next.secrets[0] = out.token.id, out.secret
	return out.outcome == "" && !isTaken && next.token == out.token, next
}

// look is a reading by name, or a login.
func (m managerModel) look(s managerState, in managerInput, out managerOutput) (bool, managerState) {
	isThere := s.id != uuid.Nil
	if in.method == login {
		isThere = isThere && !s.disabled && in.secret != uuid.Nil && (in.secret == s.secrets[0] || in.secret == s.secrets[1])
	}
	switch {
	case out.outcome == frontend.NotFound && in.method == readByName, out.outcome == frontend.Unauthenticated && in.method == login:
		return !isThere, s
	case out.outcome != "" || !isThere || out.secret != in.secret:
		return false, s
	}
	return m.shows(s, out.token)
}

// after returns what a call that concerns the token leaves behind.
func (s managerState) after(in managerInput, out managerOutput) managerState {
	switch in.method {
	case edit:
		s.disabled = in.disable
	case addScopes:
		all := strings.Fields(s.scopes)
		for scope := range strings.FieldsSeq(in.scopes) {
			if !strings.Contains(" "+s.scopes+" ", " "+scope+" ") {
				all = append(all, scope)
			}
		}
		s.scopes = strings.Join(all, " ")
	case removeScopes:
		s.scopes = ""
	case rotate:
		old := uuid.Nil
		if in.overlap {
			old = s.secrets[0]
		}
		s.secrets = [2]uuid.UUID{out.secret, old}
		if out.outcome == frontend.Unknown {
			s.secrets[0] = lost
		}
	case retire:
		s.secrets[1] = uuid.Nil
	case remove, isGone:
		s.token = token{}
	}
	return s
}

// shows reports whether s is what is seen, and puts IDs that were lost in their
// place.
func (m managerModel) shows(s managerState, seen token) (bool, managerState) {
	m.find(&s, &s.id, seen.id)
	for i := range s.secrets {
		m.find(&s, &s.secrets[i], seen.secrets[i])
	}
	return s.token == seen, s
}

func (m managerModel) find(s *managerState, id *uuid.UUID, seen uuid.UUID) {
	if *id != lost || seen == uuid.Nil || m.acknowledged[seen] || strings.Contains(s.found, seen.String()) {
		return
	}
	*id = seen
	s.found += seen.String()
}
