package kill_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/rpc"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// A frontEnd takes calls: a process, or a part of this one.
type frontEnd interface {
	Do(method string, c frontend.Call) (frontend.Reply, error)
}

// A localFrontEnd is a Manager in this process.
type localFrontEnd struct {
	client *rpc.Client
	served sync.WaitGroup
}

func newLocalFrontEnd(s store.Store) (*localFrontEnd, error) {
	service, err := frontend.NewService(s, frontend.Config{})
	if err != nil {
		return nil, err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("FrontEnd", service); err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	f := &localFrontEnd{client: rpc.NewClient(here)}
	f.served.Go(func() { server.ServeConn(there) })
	return f, nil
}

func (f *localFrontEnd) Do(method string, c frontend.Call) (reply frontend.Reply, err error) {
	err = f.client.Call("FrontEnd."+method, c, &reply)
	return reply, err
}

func (f *localFrontEnd) Close() {
	_ = f.client.Close()
	f.served.Wait()
}

// A writingProcess is a process with four writers at work.
type writingProcess struct {
	*frontend.Process
	*writers
	writing sync.WaitGroup
}

// startWriting starts a process. Its writers go on until it ends, or stop is
// closed.
func startWriting(t *testing.T, config frontend.Config, random *rand.Rand) *writingProcess {
	t.Helper()
	p := &writingProcess{
		Process: startFrontEnd(t, config),
		writers: &writers{ledger: newLedger(), goroutines: 4, names: 4, stop: make(chan struct{})},
	}
	seed := random.Uint64()
	p.writing.Go(func() { p.run(p.Process, seed) })
	return p
}

// kill ends the process by SIGKILL, and returns when all is known that it had
// answered.
func (p *writingProcess) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Signal(syscall.SIGKILL))
	p.writing.Wait()
	p.Close()
}

// writers change tokens through a front-end, each its own, until that is gone
// or they are told to stop.
type writers struct {
	ledger     *ledger
	goroutines int
	names      int           // of each goroutine
	stop       chan struct{} // nil: never

	acknowledged atomic.Int64
	notice       int64  // so many acknowledgements,
	noticed      func() // are told of, once
}

// run returns when all goroutines have ended.
func (w *writers) run(f frontEnd, seed uint64) {
	var all sync.WaitGroup
	for i := range w.goroutines {
		all.Go(func() { w.write(f, i, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	all.Wait()
}

func (w *writers) write(f frontEnd, worker int, random *rand.Rand) {
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		r, err := w.step(f, fmt.Sprintf("w%d-%d", worker, random.IntN(w.names)), random)
		switch {
		case err != nil:
			return
		case r.Outcome != "":
			time.Sleep(upTo(random, 5*time.Millisecond)) // it may be down
		case w.acknowledged.Add(1) == w.notice:
			w.noticed()
		}
	}
}

// step makes one change, where it is certain what stands under the name.
func (w *writers) step(f frontEnd, name string, random *rand.Rand) (frontend.Reply, error) {
	now, r, err := w.current(f, name)
	if err != nil || r.Outcome != "" {
		return r, err
	}
	c := plan(random, name, now)
	r, err = f.Do(c.method, c.Call)
	w.ledger.answered(name, c, r, err)
	return r, err
}

// current returns what stands under a name, and asks if that is not certain.
// It is not known if the reply is one of a failure.
func (w *writers) current(f frontEnd, name string) (state, frontend.Reply, error) {
	possible := w.ledger.possible(name)
	if len(possible) == 1 && possible[0].id != someID && possible[0].secret != someID {
		return possible[0], frontend.Reply{}, nil
	}
	r, err := f.Do("TokenByName", frontend.Call{Name: name})
	if err != nil {
		return state{}, r, err
	}
	w.ledger.saw(name, r)
	if r.Outcome == frontend.NotFound {
		return state{}, frontend.Reply{}, nil
	}
	return described(r), r, nil
}

// plan chooses a call that changes what stands under a name.
func plan(random *rand.Rand, name string, now state) call {
	expiry := func() time.Time {
		ahead := 2*time.Hour + time.Duration(random.IntN(1000))*time.Hour
		return time.Now().Add(ahead).Truncate(time.Millisecond).UTC()
	}
	scope := func() string { return fmt.Sprintf("repository:team-%d/*:pull", random.Uint32()) }
	if !now.exists() {
		c := call{method: "Create", Call: frontend.Call{Name: name}}
		for range random.IntN(3) {
			c.Scopes = append(c.Scopes, scope())
		}
		if random.IntN(2) == 0 {
			c.Expiry = expiry()
		}
		return c
	}
	c := call{Call: frontend.Call{ID: now.id}}
	switch random.IntN(8) {
	case 0, 1:
		c.method, c.Disable = "Edit", !now.disabled
	case 2:
		c.method = "Renew"
		if now.expiry.IsZero() || random.IntN(2) == 0 {
			c.Expiry = expiry()
		}
	case 3, 4:
		c.method, c.Scopes = "AddScopes", []string{scope()}
		if len(now.scopes) > 200 {
			c.method, c.Scopes = "RemoveAllScopes", nil
		}
	case 5, 6:
		c.method, c.Lifetime = "Rotate", time.Duration(random.IntN(2))*time.Hour
	default:
		c.method = "Delete"
	}
	return c
}
