package regtoken_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

var full = flag.Bool("full", false, "run benchmarks at their full size: up to 10 million tokens, some 8 GB of memory")

// tokenCounts are how many tokens are cached.
func tokenCounts() []int {
	counts := []int{1_000, 100_000}
	if *full {
		counts = append(counts, 1_000_000, 10_000_000)
	}
	return counts
}

const forgedRepository = "team/app"

// commonScope is one that tokens have in common.
var commonScope = scope("repository:team/*:pull,push")

// logInAll logs in with each of n tokens twice: so all are cached, and their
// checksums computed.
func logInAll(b *testing.B, m *regtoken.Manager, f *forge, n int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < 2*n; i = int(next.Add(1)) - 1 {
				if _, err := m.Authenticate(b.Context(), f.login(i%n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Equal(b, n, m.Stats().CachedTokens)
}

// loginsInHand returns logins of tokens anywhere among n, which lie in memory in
// the order in which they are done, so that the processor has them at hand.
func loginsInHand(f *forge, n int) []regtoken.Login {
	random := rand.New(rand.NewPCG(1, 2))
	logins := make([]regtoken.Login, min(n, 1_000_000))
	for i := range logins {
		logins[i] = f.login(random.IntN(n))
	}
	return logins
}

// A walk goes through logins, round and round.
type walk struct {
	logins []regtoken.Login
	at     int
}

// admit does the next so many, and returns how long that took.
func (w *walk) admit(b *testing.B, m *regtoken.Manager, logins int) time.Duration {
	start := time.Now()
	for range logins {
		admit(b, m, w.logins[w.at])
		if w.at++; w.at == len(w.logins) {
			w.at = 0
		}
	}
	return time.Since(start)
}

// admit does one login and one request, and fails if they are not admitted.
func admit(b *testing.B, m *regtoken.Manager, login regtoken.Login) {
	g, err := m.Authenticate(context.Background(), login)
	if err != nil {
		b.Fatal(err)
	}
	if err := g.Authorize(forgedRepository, regtoken.Pull); err != nil {
		b.Fatal(err)
	}
}

// hash does one SHA-256 of a secret: S, the unit of what follows.
func hash(secret []byte) byte {
	sum := sha256.Sum256(secret)
	return sum[0]
}

// inTurn measures things in turn, so that what else the machine does hits all of
// them, and returns the median time of each. They return how long they took.
func inTurn(things ...func() time.Duration) []time.Duration {
	times := make([][]time.Duration, len(things))
	for range benchRounds {
		for i, thing := range things {
			times[i] = append(times[i], thing())
		}
	}
	medians := make([]time.Duration, len(things))
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][benchRounds/2]
	}
	return medians
}

const benchRounds = 15

// BenchmarkLogin is Authenticate and Authorize, for random tokens that memory
// admits: in nanoseconds, and in S, one SHA-256 of a secret in the same run.
// The store is one whose head is in memory ("local"), or one whose feed Run
// follows ("followed"), where the age of what is kept is a look at the clock.
//
//	go test -run '^$' -bench 'Login$' -timeout 1h . -full
func BenchmarkLogin(b *testing.B) {
	for _, local := range []bool{true, false} {
		for _, n := range tokenCounts() {
			if !local && n > 100_000 {
				continue // the same cache
			}
			name := map[bool]string{true: "local", false: "followed"}[local]
			b.Run(fmt.Sprintf("%s/tokens=%d", name, n), func(b *testing.B) {
				f := newForge(b, local, 1, commonScope)
				m := runManager(b, f, n)
				logInAll(b, m, f, n)
				w := walk{logins: loginsInHand(f, n)}
				runtime.GC()
				b.ReportAllocs()
				b.ResetTimer()
				reportInS(b, m, &w)
			})
		}
	}
}

// runManager returns a Manager of the store that keeps n tokens, and runs.
func runManager(b *testing.B, f *forge, n int) *regtoken.Manager {
	m, err := regtoken.NewManager(f, &regtoken.Options{CacheSize: n})
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) })
	b.Cleanup(func() { stop(); running.Wait() })
	for !m.Stats().Fresh {
		runtime.Gosched()
	}
	return m
}

// reportInS does b.N logins in some rounds, beside as many SHA-256, and reports
// what one costs.
func reportInS(b *testing.B, m *regtoken.Manager, w *walk) {
	secret := []byte(forgedSecret(1))
	share := max(1, b.N/benchRounds)
	medians := inTurn(
		func() time.Duration { return w.admit(b, m, share) },
		func() time.Duration {
			start := time.Now()
			for range share {
				hash(secret)
			}
			return time.Since(start)
		})
	logins := float64(share)
	b.ReportMetric(float64(medians[0].Nanoseconds())/logins, "ns/login")
	b.ReportMetric(float64(medians[1].Nanoseconds())/logins, "ns/S")
	b.ReportMetric(float64(medians[0])/float64(medians[1]), "S/login")
	b.ReportMetric(0, "ns/op") // what testing measured has the rest in it
}

// BenchmarkLoginTwoCores is how many times the logins of one core two do.
//
//	go test -run '^$' -bench LoginTwoCores . -full
func BenchmarkLoginTwoCores(b *testing.B) {
	for _, n := range tokenCounts() {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			if runtime.GOMAXPROCS(0) < 2 {
				b.Fatal("one core only")
			}
			f := newForge(b, true, 1, commonScope)
			m := runManager(b, f, n)
			logInAll(b, m, f, n)
			logins := loginsInHand(f, n)
			first, second := walk{logins: logins[:len(logins)/2]}, walk{logins: logins[len(logins)/2:]}
			share := max(1, b.N/benchRounds)
			b.ResetTimer()
			medians := inTurn(
				func() time.Duration { return first.admit(b, m, share) },
				func() time.Duration {
					start := time.Now()
					var both sync.WaitGroup
					both.Go(func() { first.admit(b, m, share) })
					both.Go(func() { second.admit(b, m, share) })
					both.Wait()
					return time.Since(start)
				})
			b.ReportMetric(2*float64(medians[0])/float64(medians[1]), "x-one-core")
			b.ReportMetric(0, "ns/op")
		})
	}
}
