package history_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/network"
)

// A disturbance does something bad to a process or its network, once. It
// returns when all is well again.
type disturbance func(tb testing.TB, random *rand.Rand)

// disturbances is how many there are in a history that has any.
const disturbances = 3

// disturbed returns what lets the disturbance, if any, happen several times in a
// history of so many calls, at some that chance decides.
func (h *history) disturbed(tb testing.TB, calls int, disturb disturbance) func() {
	if disturb == nil {
		return func() {}
	}
	random := rand.New(rand.NewPCG(h.seed, 0))
	var moments []<-chan struct{}
	for i := range disturbances {
		share := calls / disturbances
		moments = append(moments, h.milestone(i*share+1+random.IntN(share)))
	}
	return func() {
		for _, moment := range moments {
			<-moment
			disturb(tb, random)
		}
	}
}

// killOne kills one of the processes, and starts it again.
func killOne(sides []side) disturbance {
	return func(tb testing.TB, random *rand.Rand) { sides[random.IntN(len(sides))].(*remote).restart(tb) }
}

// networkFaults are what may happen to a process' route to its servers.
var networkFaults = []func(r *network.Route) error{
	func(r *network.Route) error { // refused
		r.Cut()
		return nil
	},
	func(r *network.Route) error {
		return r.Poison(network.Toxic{Type: "reset_peer", Stream: network.Answers, Toxicity: 1})
	},
	func(r *network.Route) error { // requests arrive, answers are lost
		return r.Poison(network.Toxic{Type: "timeout", Stream: network.Answers, Toxicity: 1})
	},
	func(r *network.Route) error { // some connections are lost, unnoticed
		return r.Poison(network.Toxic{Type: "timeout", Stream: network.Requests, Toxicity: 0.5})
	},
	func(r *network.Route) error {
		return r.Poison(network.Toxic{Type: "latency", Stream: network.Answers, Toxicity: 0.7, Attributes: map[string]int64{
			"latency": 100, "jitter": 100,
		}})
	},
}

// cutOne lets something happen to one of the routes, for a while in which some
// calls end and others wait for better times.
func cutOne(routes []*network.Route) disturbance {
	return func(tb testing.TB, random *rand.Rand) {
		route := routes[random.IntN(len(routes))]
		require.NoError(tb, networkFaults[random.IntN(len(networkFaults))](route))
		<-time.After(callTimeout/2 + time.Duration(random.Int64N(int64(callTimeout))))
		require.NoError(tb, route.Mend())
	}
}

// awaitAnswer returns when a side can ask its store, which after a fault takes
// a while.
func awaitAnswer(at side) error {
	deadline := time.Now().Add(time.Minute)
	for {
		reply, err := at.store(head, frontend.StoreCall{})
		switch {
		case err != nil:
			return err
		case reply.Outcome == "":
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the store cannot be asked any more: %s", reply.Detail)
		}
		<-time.After(20 * time.Millisecond)
	}
}
