package kill_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/regtoken/regtoken/proof/internal/network"
	"github.com/regtoken/regtoken/store"
)

// A fault is what becomes of the way to the server as a call begins. What it
// leaves of the connection is cut later.
type fault struct {
	name    string
	make    func(r *network.Route, random *rand.Rand) error
	noticed bool // by another call, before this one
}

// silence takes all data of one direction and lets none through; the
// connection stays.
func silence(direction network.Direction) fault {
	return fault{name: "silence of " + string(direction), make: func(r *network.Route, _ *rand.Rand) error {
		return r.Poison(network.Toxic{Type: "timeout", Stream: direction, Toxicity: 1, Attributes: map[string]int64{"timeout": 0}})
	}}
}

// breakAfter breaks the connection after a random number of bytes in one
// direction: about as many as a call has.
func breakAfter(direction network.Direction, about int64) fault {
	return fault{name: "break in " + string(direction), make: func(r *network.Route, random *rand.Rand) error {
		return r.Poison(network.Toxic{
			Type: "limit_data", Stream: direction, Toxicity: 1,
			Attributes: map[string]int64{"bytes": random.Int64N(about)},
		})
	}}
}

func cut(r *network.Route, _ *rand.Rand) error {
	r.Cut()
	return nil
}

var faults = []fault{
	silence(network.Answers),
	silence(network.Requests),
	breakAfter(network.Answers, 300),
	breakAfter(network.Requests, 1500),
	{name: "cut before", make: cut},
	{name: "cut before, and noticed", make: cut, noticed: true},
}

// notice lets the store run into the fault before the call does.
func (f fault) notice(s store.Store) {
	if !f.noticed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, _ = s.Head(ctx)
}

// afterTheCall is a time at which to mend a route.
const afterTheCall time.Duration = -1

// lose has a call run into a fault. All is cut once the call has ended, or
// something has happened, or had the time to. The route is mended so long after
// that, and the call has ended when lose returns.
func lose(r *network.Route, f fault, random *rand.Rand, mend time.Duration, call func(), happened func() bool) error {
	if err := f.make(r, random); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		call()
	}()
	await(ended, 200*time.Millisecond, happened)
	r.Cut()
	if mend == afterTheCall {
		<-ended
		return r.Mend()
	}
	time.Sleep(mend)
	err := r.Mend()
	<-ended
	return err
}

// await returns when something has ended, or something else is the case, or
// the time is over.
func await(ended <-chan struct{}, patience time.Duration, is func() bool) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !is() {
		select {
		case <-ended:
			return
		case <-timeout.C:
			return
		case <-poll.C:
		}
	}
}
