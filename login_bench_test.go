package regtoken_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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
var commonScope = []regtoken.Scope{scope("repository:team/*:pull,push")}

// logInAll fills the cache of a Manager with n tokens.
func logInAll(b *testing.B, m *regtoken.Manager, f *forge, n int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if _, err := m.Authenticate(b.Context(), f.login(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Equal(b, n, m.Stats().CachedTokens)
}

// randomLogins returns logins in hand: of tokens anywhere among n, one behind
// the other in memory.
func randomLogins(f *forge, n int) []regtoken.Login {
	random := rand.New(rand.NewPCG(1, 2))
	logins := make([]regtoken.Login, min(4*n, 1_000_000))
	for i := range logins {
		logins[i] = f.login(random.IntN(n))
	}
	return logins
}

// admitAll does each login once: the first on a token has its checksum to
// compute as well.
func admitAll(b *testing.B, m *regtoken.Manager, logins []regtoken.Login) {
	for _, login := range logins {
		admit(b, m, login)
	}
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

// rounds measures two things in turn, so that what else the machine does hits
// both, and returns the median time of each.
func rounds(n int, first, second func()) (medians [2]time.Duration) {
	var times [2][]time.Duration
	for range n {
		for i, f := range []func(){first, second} {
			start := time.Now()
			f()
			times[i] = append(times[i], time.Since(start))
		}
	}
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][n/2]
	}
	return medians
}

const benchRounds = 11

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
				f := newForge(b, local, commonScope)
				m := runManager(b, f, n)
				logInAll(b, m, f, n)
				logins := randomLogins(f, n)
				admitAll(b, m, logins)
				runtime.GC()
				b.ReportAllocs()
				b.ResetTimer()
				reportInS(b, logins, func(l regtoken.Login) { admit(b, m, l) })
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

// reportInS does the logins in turn, b.N of them in each of some rounds, beside
// as many SHA-256, and reports what one costs.
func reportInS(b *testing.B, logins []regtoken.Login, do func(regtoken.Login)) {
	secret, at := []byte(forgedSecret(1)), 0
	n := max(1, b.N/benchRounds)
	medians := rounds(benchRounds,
		func() {
			for range n {
				do(logins[at])
				if at++; at == len(logins) {
					at = 0
				}
			}
		},
		func() {
			for range n {
				hash(secret)
			}
		})
	b.ReportMetric(float64(medians[0].Nanoseconds())/float64(n), "ns/login")
	b.ReportMetric(float64(medians[1].Nanoseconds())/float64(n), "ns/S")
	b.ReportMetric(float64(medians[0])/float64(medians[1]), "S/login")
	b.ReportMetric(0, "ns/op") // what testing measured has the SHA-256 in it
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
			f := newForge(b, true, commonScope)
			m := runManager(b, f, n)
			logInAll(b, m, f, n)
			logins := randomLogins(f, n)
			admitAll(b, m, logins)
			share := max(1, b.N/benchRounds)
			work := func(from int) {
				for i := range share {
					admit(b, m, logins[(from+i)%len(logins)])
				}
			}
			at := 0
			b.ResetTimer()
			medians := rounds(benchRounds,
				func() { work(at); at += share },
				func() {
					var both sync.WaitGroup
					both.Go(func() { work(at) })
					both.Go(func() { work(at + len(logins)/2) })
					both.Wait()
				})
			b.ReportMetric(2*float64(medians[0])/float64(medians[1]), "x-one-core")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkGC is what the garbage collector does with the cached tokens: CPU
// time and the longest pause of a cycle.
//
//	go test -run '^$' -bench GC -benchtime 10x . -full
func BenchmarkGC(b *testing.B) {
	for _, n := range tokenCounts() {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			f := newForge(b, true, commonScope)
			m := runManager(b, f, n)
			logInAll(b, m, f, n)
			runtime.GC()
			before, stats := gcSeconds(), debug.GCStats{}
			b.ResetTimer()
			for range b.N {
				runtime.GC()
			}
			debug.ReadGCStats(&stats)
			b.ReportMetric(1e3*(gcSeconds()-before)/float64(b.N), "gc-cpu-ms/cycle")
			b.ReportMetric(float64(slices.Max(stats.Pause[:min(b.N, len(stats.Pause))]).Microseconds()), "max-pause-µs")
			require.Equal(b, n, m.Stats().CachedTokens)
		})
	}
}

// gcSeconds returns the CPU time that the garbage collector has taken.
func gcSeconds() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}
