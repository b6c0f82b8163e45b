package history_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// portRegistry is where the histories of the port have their names.
const portRegistry = "port"

// A portPlay is a history of the port being made.
type portPlay struct {
	*history

	mu    sync.Mutex
	seen  map[string][]store.Record // of each name, what was there at some time
	fresh int
}

func newPortPlay(kind string, seed uint64) *portPlay {
	return &portPlay{history: newHistory(kind, seed), seen: make(map[string][]store.Record)}
}

// learn keeps what a worker learned of a record, for all of them.
func (p *portPlay) learn(r store.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[r.Name] = append(p.seen[r.Name], r)
}

// recall returns a record of the name as it once was: mostly the latest, which
// is current if nobody was faster. There may be none.
func (p *portPlay) recall(w worker, name string) (store.Record, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen[name]
	switch {
	case len(seen) == 0:
		return store.Record{}, false
	case w.IntN(4) == 0:
		return seen[w.IntN(len(seen))], true
	default:
		return seen[len(seen)-1], true
	}
}

// data returns what no other write writes.
func (p *portPlay) data() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh++
	return fmt.Sprint("data ", p.fresh)
}

// step makes one call, of a kind that chance decides.
func (p *portPlay) step(w worker) {
	name := p.names[w.IntN(len(p.names))]
	known, ok := p.recall(w, name)
	choice := w.IntN(100)
	if !ok && choice >= 20 {
		choice = 99 // all that can be done without an ID
	}
	switch {
	case choice < 20:
		id := uuid.New()
		if ok && w.IntN(5) == 0 {
			id = known.ID
		}
		p.put(w, name, portInput{method: put, id: id, data: p.data()})
	case choice < 50:
		p.put(w, name, portInput{method: put, id: known.ID, ifRev: known.Rev, data: p.data()})
	case choice < 63:
		p.call(w, name, portInput{method: del, id: known.ID, ifRev: known.Rev}, frontend.StoreCall{ID: known.ID, IfRev: known.Rev})
	case choice < 80:
		p.call(w, name, portInput{method: get, id: known.ID}, frontend.StoreCall{ID: known.ID})
	default:
		p.call(w, name, portInput{method: getByName}, frontend.StoreCall{Registry: portRegistry, Name: name})
	}
}

func (p *portPlay) put(w worker, name string, in portInput) {
	p.call(w, name, in, frontend.StoreCall{Record: store.Record{
		ID: in.id, Registry: portRegistry, Name: name, Data: []byte(in.data), Rev: in.ifRev,
	}})
}

// call makes a call and notes what came of it. What surely changed nothing and
// told nothing is left out.
func (p *portPlay) call(w worker, name string, in portInput, call frontend.StoreCall) {
	begun := frontend.Now()
	reply, err := w.at.store(in.method, call)
	if err != nil { // the process was killed
		reply = frontend.StoreReply{Outcome: frontend.Unknown, Times: frontend.Times{Begin: begun}}
	}
	p.count(in.method, reply.Outcome)
	out := portOutput{outcome: reply.Outcome}
	switch reply.Outcome {
	case frontend.Unavailable:
		return
	case frontend.Unknown:
		if !in.isWrite() {
			return
		}
		reply.End = never
	case frontend.NotFound, frontend.NameTaken, frontend.Conflict:
	case "":
		r := reply.Record
		if in.isWrite() {
			out.rev = reply.Rev
			r = store.Record{ID: in.id, Name: name, Rev: reply.Rev}
		} else {
			out.id, out.rev, out.data = r.ID, r.Rev, string(r.Data)
		}
		if in.method != del && r.Name == name {
			p.learn(r)
		}
	default:
		p.fail(in.method, reply.Outcome, reply.Detail)
		return
	}
	p.note(w, name, in, out, reply.Times)
}

// play makes the history and judges it.
func (p *portPlay) play(tb testing.TB, sides []side, calls int, disturb disturbance, report reporter) error {
	if err := awaitAnswer(sides[0]); err != nil {
		return err
	}
	start, err := sides[0].store(head, frontend.StoreCall{})
	if err != nil {
		return err
	}
	p.run(sides, calls, p.step, p.disturbed(tb, calls, disturb))
	if err := awaitAnswer(sides[0]); err != nil {
		return err
	}
	for _, name := range p.names {
		p.call(observer(sides[0]), name, portInput{method: getByName}, frontend.StoreCall{Registry: portRegistry, Name: name})
	}
	feed, err := readFeed(sides[0], start.Cursor)
	if err != nil {
		return err
	}
	return errors.Join(
		p.judge(modelOf(newPortModel(p.operations).step), p.operations, report),
		checkRevisions(p.operations),
		checkFeed(p.operations, feed),
	)
}
