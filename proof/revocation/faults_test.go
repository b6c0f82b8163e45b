package revocation_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/network"
)

// A site is a front-end, and what stands between it and its store.
type site struct {
	process *frontend.Process
	route   *network.Route // nil: nothing does
	faults  []fault        // that it suffers
	random  *rand.Rand
}

// A fault does something bad to a site, within the stated bound and beyond.
type fault struct {
	name   string
	strike func(s *site, bound time.Duration) error
}

// networkFaults are those of a route, besides overtaking.
var networkFaults = []fault{
	{"slow answers on all connections", slowAll},
	{"slow answers on all connections", slowAll},
	{"slow requests on some connections", func(s *site, bound time.Duration) error {
		return s.delay(network.Requests, 0.5, bound/4, 2*bound)
	}},
	{"slow both ways", func(s *site, bound time.Duration) error {
		if err := s.delay(network.Requests, 1, 0, bound/2); err != nil {
			return err
		}
		return s.delay(network.Answers, 1, bound/4, bound/2)
	}},
	{"cut", func(s *site, _ time.Duration) error {
		s.route.Cut()
		return nil
	}},
	{"reset", func(s *site, _ time.Duration) error {
		return s.route.Poison(network.Toxic{Type: "reset_peer", Stream: network.Answers, Toxicity: 1})
	}},
	{"silence", func(s *site, _ time.Duration) error {
		if err := s.silence(network.Requests, 1); err != nil {
			return err
		}
		return s.silence(network.Answers, 1)
	}},
	{"silent answers", func(s *site, _ time.Duration) error { return s.silence(network.Answers, 1) }},
	{"silent answers on some connections", func(s *site, _ time.Duration) error { return s.silence(network.Answers, 0.5) }},
	{"silent requests on some connections", func(s *site, _ time.Duration) error { return s.silence(network.Requests, 0.5) }},
}

// overtaking are faults by which answers overtake others: the news of a
// revocation may come before the record that was read before it.
var overtaking = []fault{
	{"slow answers on some connections", func(s *site, bound time.Duration) error {
		if n := len(s.route.Addrs()); n > 1 {
			return s.delayOne(s.random.IntN(n), network.Answers, 1, bound/8, bound/2)
		}
		return s.delay(network.Answers, 0.5, bound/4, 2*bound)
	}},
	{"slow fat answers", slowFat},
	{"slow fat answers", slowFat},
	{"slow fat answers", slowFat},
}

// slowFat lets the record of a fat token take half the bound, and the news next
// to nothing, unless the two share a connection.
func slowFat(s *site, bound time.Duration) error {
	rate := float64(fatSize>>10) / (bound / 2).Seconds()
	return s.route.Poison(network.Toxic{
		Type: "bandwidth", Stream: network.Answers, Toxicity: 1,
		Attributes: map[string]int64{"rate": max(1, int64(rate))}, // KiB a second
	})
}

// slowAll delays all answers, so that most still come in time.
func slowAll(s *site, bound time.Duration) error {
	return s.delay(network.Answers, 1, bound/2, 9*bound/10)
}

// halt stops the process as it stands. It goes on when the site is mended.
var halt = fault{"halt", func(s *site, _ time.Duration) error { return s.process.Signal(syscall.SIGSTOP) }}

// delay makes data on a share of all connections late by something in between.
func (s *site) delay(way network.Direction, share float64, from, to time.Duration) error {
	for i := range s.route.Addrs() {
		if err := s.delayOne(i, way, share, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) delayOne(server int, way network.Direction, share float64, from, to time.Duration) error {
	middle, around := (from+to)/2, (to-from)/4
	middle += time.Duration((s.random.Float64() - 0.5) * float64(to-from) / 2)
	return s.route.PoisonOne(server, network.Toxic{Type: "latency", Stream: way, Toxicity: share, Attributes: map[string]int64{
		"latency": middle.Milliseconds(), "jitter": around.Milliseconds(),
	}})
}

// silence swallows data on a share of all connections, which stay open.
func (s *site) silence(way network.Direction, share float64) error {
	return s.route.Poison(network.Toxic{Type: "timeout", Stream: way, Toxicity: share})
}

// mend ends the fault.
func (s *site) mend() error {
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	if s.route == nil {
		return nil
	}
	return s.route.Mend()
}

// suffer lets one fault follow the other until ctx ends, with times of at most
// the given health in between, and counts them by name.
func (s *site) suffer(ctx context.Context, bound, health time.Duration) (map[string]int, error) {
	struck := make(map[string]int)
	for {
		// In rounds, so that each comes up.
		for _, i := range s.random.Perm(len(s.faults)) {
			if !elapse(ctx, s.between(0, health)) {
				return struck, nil
			}
			if err := s.faults[i].strike(s, bound); err != nil {
				return struck, err
			}
			struck[s.faults[i].name]++
			goOn := elapse(ctx, s.between(bound, 4*bound))
			if err := s.mend(); err != nil {
				return struck, err
			}
			if !goOn {
				return struck, nil
			}
		}
	}
}

func (s *site) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.random.Int64N(int64(to-from)))
}

// elapse waits for a time, and reports whether ctx has not ended meanwhile.
func elapse(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
