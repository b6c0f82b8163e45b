package history_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// overlap is longer than any history: no secret ends by itself.
const overlap = time.Hour

// somePassword was never issued.
const somePassword = "rgt_000000000000000000000000000000000ZsBWn"

var someScopes = []string{"repository:team/*:pull", "repository:team/*:pull,push", "registry:*:list"}

// A credential is a secret that was handed out.
type credential struct {
	id       uuid.UUID
	password string
}

// A managerPlay is a history of Managers being made.
type managerPlay struct {
	*history

	// lossy says that acknowledgements get lost on the way. Where the answer to
	// a removal was lost and the token is found gone, its caller is told that
	// it was removed, though it may have been by another.
	lossy bool

	mu          sync.Mutex
	ids         map[string][]uuid.UUID // of each name, the tokens there have been
	credentials map[string][]credential
}

func newManagerPlay(kind string, seed uint64, lossy bool) *managerPlay {
	return &managerPlay{
		history:     newHistory(kind, seed),
		lossy:       lossy,
		ids:         make(map[string][]uuid.UUID),
		credentials: make(map[string][]credential),
	}
}

// learn keeps what a worker learned, for all of them.
func (p *managerPlay) learn(name string, reply frontend.Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ids := p.ids[name]; reply.ID != uuid.Nil && (len(ids) == 0 || ids[len(ids)-1] != reply.ID) {
		p.ids[name] = append(ids, reply.ID)
	}
	if reply.Password != "" {
		p.credentials[name] = append(p.credentials[name], credential{reply.SecretID, reply.Password})
	}
}

// recall returns the ID of a token that the name had at some time, mostly the
// latest, and a credential. There may be none.
func (p *managerPlay) recall(w worker, name string) (id uuid.UUID, c credential) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = credential{password: somePassword}
	if ids := p.ids[name]; len(ids) > 0 {
		id = ids[len(ids)-1]
		if w.IntN(10) == 0 {
			id = ids[w.IntN(len(ids))]
		}
	}
	if all := p.credentials[name]; len(all) > 0 && w.IntN(20) > 0 {
		// One of the last: those that live, and those that have just died.
		c = all[len(all)-1-w.IntN(min(len(all), 3))]
	}
	return id, c
}

// step makes one call, of a kind that chance decides.
func (p *managerPlay) step(w worker) {
	name := p.names[w.IntN(len(p.names))]
	id, c := p.recall(w, name)
	choice := w.IntN(100)
	if id == uuid.Nil && choice >= 12 {
		choice = 60 // all that can be done without an ID
	}
	scope := someScopes[w.IntN(len(someScopes))]
	switch {
	case choice < 12:
		p.call(w, name, managerInput{method: create, scopes: scope}, frontend.Call{Name: name, Scopes: []string{scope}})
	case choice < 22:
		disable := w.IntN(2) == 0
		p.call(w, name, managerInput{method: edit, id: id, disable: disable}, frontend.Call{ID: id, Disable: disable})
	case choice < 28:
		p.call(w, name, managerInput{method: addScopes, id: id, scopes: scope}, frontend.Call{ID: id, Scopes: []string{scope}})
	case choice < 33:
		p.call(w, name, managerInput{method: removeScopes, id: id}, frontend.Call{ID: id})
	case choice < 40:
		lifetime := time.Duration(w.IntN(2)) * overlap
		p.call(w, name, managerInput{method: rotate, id: id, overlap: lifetime > 0}, frontend.Call{ID: id, Lifetime: lifetime})
	case choice < 45:
		p.call(w, name, managerInput{method: retire, id: id}, frontend.Call{ID: id})
	case choice < 51:
		p.call(w, name, managerInput{method: remove, id: id}, frontend.Call{ID: id})
	case choice < 57:
		p.call(w, name, managerInput{method: read, id: id}, frontend.Call{ID: id})
	case choice < 64:
		p.call(w, name, managerInput{method: readByName}, frontend.Call{Name: name})
	default:
		p.logIn(w, name, c)
	}
}

func (p *managerPlay) logIn(w worker, name string, c credential) {
	p.call(w, name, managerInput{method: login, secret: c.id}, frontend.Call{Name: name, Password: c.password})
}

// unhurriedStep is a step after a pause, so that the history is much longer than
// the bound within which anything goes, and two logins, the second of which may
// go by what the first one found.
func (p *managerPlay) unhurriedStep(w worker, bound time.Duration) {
	<-time.After(time.Duration(w.Int64N(int64(bound / 3))))
	p.step(w)
	name := p.names[w.IntN(len(p.names))]
	_, c := p.recall(w, name)
	p.logIn(w, name, c)
	p.logIn(w, name, c)
}

func (in managerInput) isChange() bool {
	return in.method != read && in.method != readByName && in.method != login
}

// surelyWrites reports whether the call writes if it succeeds. Others write
// nothing where they find that there is nothing to change.
func (in managerInput) surelyWrites() bool {
	return in.method == create || in.method == rotate || in.method == remove
}

// call makes a call and notes what came of it. What surely changed nothing and
// told nothing is left out.
func (p *managerPlay) call(w worker, name string, in managerInput, call frontend.Call) {
	begun := frontend.Now()
	reply, err := w.at.manage(in.method, call)
	if err != nil { // the process was killed
		reply = frontend.Reply{Outcome: frontend.Unknown, Times: frontend.Times{Begin: begun}}
	}
	p.count(in.method, reply.Outcome)
	out := managerOutput{outcome: reply.Outcome}
	switch reply.Outcome {
	case frontend.Unavailable, frontend.Conflict:
		return
	case frontend.Unknown:
		if !in.isChange() {
			return
		}
		reply.End = never
	case "":
		p.learn(name, reply)
		out.token, out.secret = shown(reply), reply.SecretID
		if in.method == remove {
			out.token.id = in.id
		}
	case frontend.NotFound, frontend.NameTaken, frontend.Unauthenticated:
	default:
		p.fail(in.method, reply.Outcome, reply.Detail)
		return
	}
	if in.method == remove && out.outcome == "" && p.lossy {
		in.method = wasThere
		p.note(w, name, in, out, reply.Times)
		in.method = isGone
	}
	p.note(w, name, in, out, reply.Times)
}

// shown is the token of an answer.
func shown(reply frontend.Reply) token {
	t := token{id: reply.ID, disabled: reply.Disabled, scopes: strings.Join(reply.Scopes, " ")}
	copy(t.secrets[:], reply.Secrets)
	return t
}

// play makes the history and judges it.
func (p *managerPlay) play(tb testing.TB, sides []side, calls int, kind managerKind, report reporter) error {
	step := p.step
	if kind.staleness > 0 {
		step = func(w worker) { p.unhurriedStep(w, kind.staleness) }
	}
	p.run(sides, calls, step, p.disturbed(tb, calls, kind.disturb))
	if err := awaitAnswer(sides[0]); err != nil {
		return err
	}
	for _, name := range p.names {
		p.call(observer(sides[0]), name, managerInput{method: readByName}, frontend.Call{Name: name})
	}
	operations := p.operations
	if kind.staleness > 0 {
		operations = stretched(operations, kind.staleness)
	}
	return p.judge(modelOf(newManagerModel(operations).step), operations, report)
}

// stretched lets the admitted logins begin earlier by the bound, but not before
// what the same process had changed about the token, or found changed as it meant
// to: that it must heed at once. Refusals stay as they are, since nobody is refused without the
// store having been asked.
func stretched(operations []porcupine.Operation, bound time.Duration) []porcupine.Operation {
	all := make([]porcupine.Operation, 0, len(operations))
	for _, part := range byName(operations) {
		for i, o := range part {
			if o.Input.(managerInput).method == login && o.Output.(managerOutput).outcome == "" {
				o.Call = max(o.Call-bound.Nanoseconds(), lastOwnChange(part, part[i]))
			}
			all = append(all, o)
		}
	}
	return all
}

// lastOwnChange returns the instant from which on a login must know of the
// changes that its own process had made of the admitted token before: the end of
// a write, and for what perhaps only read the token, the begin.
func lastOwnChange(part []porcupine.Operation, admission porcupine.Operation) (known int64) {
	admitted := admission.Output.(managerOutput).token.id
	for _, o := range part {
		in, out := o.Input.(managerInput), o.Output.(managerOutput)
		isOwn := o.Metadata == admission.Metadata && in.isChange() && out.outcome == "" && out.token.id == admitted
		switch {
		case !isOwn || o.Return >= admission.Call:
		case in.surelyWrites():
			known = max(known, o.Return+1)
		default:
			known = max(known, o.Call)
		}
	}
	return known
}
