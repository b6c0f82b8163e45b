package history_test

import (
	"cmp"
	"fmt"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// The methods of the port that histories are made of.
const (
	put       = "Put"
	del       = "Delete"
	get       = "Get"
	getByName = "GetByName"
	head      = "Head"
	changes   = "Changes"
)

// A portInput is one call of the port about one name.
type portInput struct {
	method string
	id     uuid.UUID
	ifRev  store.Rev // of Put: zero creates
	data   string
}

type portOutput struct {
	outcome frontend.Outcome
	id      uuid.UUID
	rev     store.Rev
	data    string
}

func (in portInput) String() string {
	return fmt.Sprintf("%s %s at %d %q", in.method, short(in.id), in.ifRev, in.data)
}

func (out portOutput) String() string {
	return fmt.Sprintf("%s %s at %d %q", cmp.Or(out.outcome, "ok"), short(out.id), out.rev, out.data)
}

// A portState is the record of one name.
type portState struct {
	id   uuid.UUID // nil: there is none
	rev  store.Rev // zero: the acknowledgement was lost, and nobody has read it yet
	data string
	past store.Rev // the last revision known before that
}

func (s portState) String() string {
	return fmt.Sprintf("%s at %d (after %d) %q", short(s.id), s.rev, s.past, s.data)
}

// A portModel says what the port may answer, about one name. IDs belong to one
// name for good.
type portModel struct {
	acknowledged map[store.Rev]bool // the revisions of acknowledged writes
}

// newPortModel returns the model for a history.
func newPortModel(operations []porcupine.Operation) portModel {
	m := portModel{acknowledged: make(map[store.Rev]bool)}
	for _, o := range operations {
		in, out := o.Input.(portInput), o.Output.(portOutput)
		if in.isWrite() && out.outcome == "" {
			m.acknowledged[out.rev] = true
		}
	}
	return m
}

func (in portInput) isWrite() bool { return in.method == put || in.method == del }

// step reports whether the answer is one that the port may give, and the state
// after it. A write whose outcome is unknown is one that happens; if it did
// not, it happens after all else.
func (m portModel) step(s portState, in portInput, out portOutput) (bool, portState) {
	switch in.method {
	case get, getByName:
		return m.read(s, in, out)
	case put:
		if in.ifRev == 0 {
			return s.create(in, out)
		}
		return s.write(in, out, portState{id: in.id, data: in.data})
	default:
		return s.write(in, out, portState{})
	}
}

func (m portModel) read(s portState, in portInput, out portOutput) (bool, portState) {
	isThere := s.id != uuid.Nil && (in.method == getByName || in.id == s.id)
	if out.outcome == frontend.NotFound {
		return !isThere, s
	}
	if !isThere || out.outcome != "" || out.id != s.id || out.data != s.data {
		return false, s
	}
	if s.rev == 0 && out.rev > s.past && !m.acknowledged[out.rev] {
		s.rev = out.rev
	}
	return s.rev == out.rev, s
}

func (s portState) create(in portInput, out portOutput) (bool, portState) {
	isTaken := s.id != uuid.Nil
	switch out.outcome {
	case frontend.NameTaken:
		return isTaken, s
	case frontend.Unknown:
		if isTaken {
			return true, s
		}
		return true, s.then(portState{id: in.id, data: in.data}, 0)
	default:
		return out.outcome == "" && !isTaken && out.rev > s.last(), s.then(portState{id: in.id, data: in.data}, out.rev)
	}
}

// write is a replacement or a deletion, which makes s what next is.
func (s portState) write(in portInput, out portOutput, next portState) (bool, portState) {
	isThere, isCurrent := s.id == in.id, s.id == in.id && s.rev == in.ifRev
	switch out.outcome {
	case frontend.NotFound:
		return !isThere, s
	case frontend.Conflict:
		return isThere && !isCurrent, s
	case frontend.Unknown:
		if !isCurrent {
			return true, s
		}
		return true, s.then(next, 0)
	default:
		return out.outcome == "" && isCurrent && out.rev > s.last(), s.then(next, out.rev)
	}
}

// last is the highest revision that the name is known to have had.
func (s portState) last() store.Rev { return max(s.rev, s.past) }

// then returns the state after a write of this revision; zero: not known.
func (s portState) then(next portState, rev store.Rev) portState {
	next.rev, next.past = rev, s.last()
	if next.id == uuid.Nil {
		next.rev, next.past = 0, max(rev, next.past)
	}
	return next
}
