package history_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

// patience is how long a history may take to be judged. One that takes longer
// counts as wrong: nobody knows that it is right.
const patience = time.Minute

// never is when a call returns whose outcome nobody learned: it may have
// happened at any time since it began, or may yet happen.
const never = math.MaxInt64

var (
	errRejected  = errors.New("the history is not linearizable")
	errUndecided = errors.New("the history could not be judged in time")
	errAnswer    = errors.New("an answer that no call may give")
)

// A history is what several workers did, and were answered.
type history struct {
	seed  uint64
	names []string

	mu         sync.Mutex
	operations []porcupine.Operation
	faults     []error
	tally      tally
	calls      int
	milestones map[int]chan struct{} // by the number of calls begun
}

// newHistory returns an empty history about a few names, which it shares with no
// history of another kind or seed.
func newHistory(kind string, seed uint64) *history {
	h := &history{seed: seed, tally: make(tally), milestones: make(map[int]chan struct{})}
	for i := range 3 + rand.New(rand.NewPCG(seed, 0)).IntN(4) {
		h.names = append(h.names, fmt.Sprintf("%s-%d-%d", kind, seed, i))
	}
	return h
}

// A worker makes one call after the other. What it chooses depends on the
// history's seed and its own number, and on what it and others learned.
type worker struct {
	*rand.Rand
	number int
	side   int
	at     side
}

// observer is a worker that reads what is there in the end.
func observer(at side) worker { return worker{number: perSide * 2, at: at} }

// run lets workers at all sides make so many calls together, at the same time.
// What disturb does meanwhile may wait for milestones.
func (h *history) run(sides []side, calls int, step func(worker), disturb func()) {
	var workers sync.WaitGroup
	n := perSide * len(sides)
	for number := range n {
		w := worker{
			Rand:   rand.New(rand.NewPCG(h.seed, uint64(number)+1)),
			number: number,
			side:   number % len(sides),
			at:     sides[number%len(sides)],
		}
		workers.Go(func() {
			for range (calls + n - 1) / n {
				h.begin()
				step(w)
			}
		})
	}
	disturb()
	workers.Wait()
}

// begin counts a call.
func (h *history) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	if reached := h.milestones[h.calls]; reached != nil {
		close(reached)
	}
}

// milestone is closed when the history's call of this number begins. It is
// asked for before that.
func (h *history) milestone(call int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	reached := make(chan struct{})
	h.milestones[call] = reached
	return reached
}

// An origin is where a call came from, for what the model does not know.
type origin struct {
	side int
	name string
}

// note adds a call and its answer.
func (h *history) note(w worker, name string, input, output any, times frontend.Times) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: w.number,
		Input:    input,
		Call:     times.Begin,
		Output:   output,
		Return:   times.End,
		Metadata: origin{w.side, name},
	})
}

func (h *history) count(method string, outcome frontend.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.add(method, outcome)
}

// fail notes an answer that is wrong whatever happened.
func (h *history) fail(method string, outcome frontend.Outcome, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, fmt.Errorf("%w: %s: %s: %s", errAnswer, method, outcome, detail))
}

// modelOf makes a model, which begins with the zero state, ready for porcupine.
func modelOf[State, Input, Output fmt.Stringer](step func(State, Input, Output) (bool, State)) porcupine.Model {
	return porcupine.Model{
		Init: func() any {
			var zero State
			return zero
		},
		Step: func(state, input, output any) (bool, any) {
			return step(state.(State), input.(Input), output.(Output))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

// short is enough of an ID to tell it from others.
func short(id uuid.UUID) string {
	if id == uuid.Nil {
		return "-"
	}
	return id.String()[28:]
}

// judge returns nil if there is an order of all calls, true to their times,
// in which the model gives the same answers. Each name is judged by itself.
func (h *history) judge(model porcupine.Model, operations []porcupine.Operation, report reporter) error {
	if err := errors.Join(h.faults...); err != nil {
		return err
	}
	end := int64(0)
	for _, o := range operations {
		if o.Return != never {
			end = max(end, o.Return)
		}
	}
	operations = slices.Clone(operations)
	for i := range operations {
		operations[i].Return = min(operations[i].Return, end+1)
	}
	model.Partition = byName
	switch porcupine.CheckOperationsTimeout(model, operations, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("%w%s", errRejected, report.draw(model, operations))
	default:
		return errUndecided
	}
}

// byName divides a history: names have nothing to do with each other.
func byName(operations []porcupine.Operation) [][]porcupine.Operation {
	parts := make(map[string][]porcupine.Operation)
	for _, o := range operations {
		name := o.Metadata.(origin).name
		parts[name] = append(parts[name], o)
	}
	return slices.Collect(maps.Values(parts))
}

// A reporter draws histories that were rejected, into a folder; "" for none.
type reporter struct{ folder string }

// draw returns where the picture is.
func (r reporter) draw(model porcupine.Model, operations []porcupine.Operation) string {
	if r.folder == "" {
		return ""
	}
	// Only what was rejected: the rest is in the way.
	var wrong []porcupine.Operation
	for _, part := range byName(operations) {
		if porcupine.CheckOperationsTimeout(model, part, patience) != porcupine.Ok {
			wrong = append(wrong, part...)
		}
	}
	_, info := porcupine.CheckOperationsVerbose(model, wrong, patience)
	path := filepath.Join(r.folder, fmt.Sprintf("history-%d.html", time.Now().UnixNano()))
	file, err := os.Create(path)
	if err == nil {
		err = errors.Join(porcupine.Visualize(model, info, file), file.Close())
	}
	if err != nil {
		return fmt.Sprintf(" (and cannot be drawn: %v)", err)
	}
	return "; see " + path
}

// A tally counts calls by method and outcome.
type tally map[string]map[frontend.Outcome]int

func (t tally) add(method string, outcome frontend.Outcome) { t.addMany(method, outcome, 1) }

func (t tally) addMany(method string, outcome frontend.Outcome, n int) {
	if outcome == "" {
		outcome = "ok"
	}
	if t[method] == nil {
		t[method] = make(map[frontend.Outcome]int)
	}
	t[method][outcome] += n
}

func (t tally) addAll(other tally) {
	for method, outcomes := range other {
		for outcome, n := range outcomes {
			t.addMany(method, outcome, n)
		}
	}
}

// of returns how often an outcome was seen, over all methods.
func (t tally) of(outcome frontend.Outcome) (n int) {
	for _, outcomes := range t {
		n += outcomes[outcome]
	}
	return n
}

func (t tally) String() string {
	var lines []string
	for method, outcomes := range t {
		line := method + ":"
		for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
			line += fmt.Sprintf(" %d %s,", outcomes[outcome], outcome)
		}
		lines = append(lines, strings.TrimSuffix(line, ","))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
