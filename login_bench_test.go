package regtoken_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

var full = flag.Bool("full", false, "run benchmarks at their full size: up to 10 million tokens, some gigabytes of memory")

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

// A walk goes through random tokens.
type walk struct {
	forge  *forge
	source rand.PCG // here, since two walks must not write to one cache line
	random *rand.Rand
	tokens int
	hand   [handful]hand
}

// handful is how many logins are in hand at once: they are made up before the
// clock starts, in memory that is used again, so that they are still in the
// processor's cache like a login that a server has just read.
const handful = 100

// A hand is memory for one login.
type hand struct {
	name, secret []byte
	password     regtoken.Password
}

func newWalk(f *forge, n int, seed uint64) *walk {
	w := &walk{forge: f, source: *rand.NewPCG(1, seed), tokens: n}
	w.random = rand.New(&w.source)
	for i := range w.hand {
		h := &w.hand[i]
		h.name = []byte(forgedName + "0123456789")
		h.secret = []byte(forgedSecret(0))
		h.password = regtoken.NewPassword(unsafe.String(unsafe.SliceData(h.secret), len(h.secret)))
	}
	return w
}

// admit does so many handfuls, and returns how long that took.
func (w *walk) admit(b *testing.B, m *regtoken.Manager, handfuls int) (took time.Duration) {
	var logins [handful]regtoken.Login
	for range handfuls {
		for i := range w.hand {
			h := &w.hand[i]
			n := w.random.IntN(w.tokens)
			h.name = strconv.AppendInt(append(h.name[:0], forgedName...), int64(n), 10)
			h.secret = appendForgedSecret(h.secret[:0], n)
			logins[i] = regtoken.Login{Name: unsafe.String(unsafe.SliceData(h.name), len(h.name)), Password: h.password}
		}
		start := time.Now()
		for _, login := range logins {
			admit(b, m, login)
		}
		took += time.Since(start)
	}
	return took
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
// admits: in nanoseconds, and in S, one SHA-256 of a secret in the same run. The
// store is one whose head is in memory ("local"), or one whose feed Run follows
// ("followed"), where the age of what is kept is a look at the clock. Beside it
// stands what one look anywhere in as much memory costs, with nothing else to
// do: a login takes two, one after the other.
//
//	go test -run '^$' -bench 'Login$' -benchtime 3000000x -timeout 1h . -full
func BenchmarkLogin(b *testing.B) {
	for _, local := range []bool{true, false} {
		for _, n := range tokenCounts() {
			if !local && n > 100_000 {
				continue // the same cache
			}
			name := map[bool]string{true: "local", false: "followed"}[local]
			b.Run(fmt.Sprintf("%s/tokens=%d", name, n), func(b *testing.B) {
				m, w := filledManager(b, local, n)
				b.ReportAllocs()
				b.ResetTimer()
				reportInS(b, m, w, newMaze(n))
			})
		}
	}
}

// managers are those that filledManager has made.
var managers = map[string]*regtoken.Manager{}

// filledManager returns a Manager that runs and has n tokens cached, and logins
// in hand.
func filledManager(b *testing.B, local bool, n int) (*regtoken.Manager, *walk) {
	f, key := newForge(b, local, 1, commonScope), fmt.Sprint(local, n)
	m := managers[key]
	if m == nil {
		var err error
		m, err = regtoken.NewManager(f, &regtoken.Options{CacheSize: n})
		require.NoError(b, err)
		go func() { _ = m.Run(context.Background()) }() // until the process ends
		for !m.Stats().Fresh {
			runtime.Gosched()
		}
		logInAll(b, m, f, n)
		managers[key] = m
	}
	runtime.GC()
	return m, newWalk(f, n, 1)
}

// A maze is memory of which each place leads to another, all of them in a
// random round.
type maze struct {
	places [][16]uint64 // as much as a token
	at     uint64
}

func newMaze(n int) *maze {
	m := &maze{places: make([][16]uint64, n)}
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for i, place := range order {
		m.places[place][0] = uint64(order[(i+1)%n])
	}
	return m
}

func (m *maze) walk(steps int) time.Duration {
	start := time.Now()
	for range steps {
		m.at = m.places[m.at][0]
	}
	return time.Since(start)
}

// reportInS does b.N logins in some rounds, beside as many SHA-256, and reports
// what one costs. The maze is walked when all that is done, and does not push
// tokens out of the processor's cache.
func reportInS(b *testing.B, m *regtoken.Manager, w *walk, memory *maze) {
	secret := []byte(forgedSecret(1))
	var read byte // so that no sum is optimised away
	share := max(1, b.N/benchRounds/handful)
	medians := inTurn(
		func() time.Duration { return w.admit(b, m, share) },
		func() time.Duration {
			start := time.Now()
			for range share * handful {
				sum := sha256.Sum256(secret)
				read ^= sum[0]
			}
			return time.Since(start)
		})
	runtime.KeepAlive(read)
	medians = append(medians, inTurn(func() time.Duration { return memory.walk(share * handful) })...)
	logins := float64(share * handful)
	b.ReportMetric(float64(medians[0].Nanoseconds())/logins, "ns/login")
	b.ReportMetric(float64(medians[1].Nanoseconds())/logins, "ns/S")
	b.ReportMetric(float64(medians[2].Nanoseconds())/logins, "ns/look")
	b.ReportMetric(float64(medians[0])/float64(medians[1]), "S/login")
	b.ReportMetric(0, "ns/op") // what testing measured has the rest in it
}

// BenchmarkLoginTwoCores is how many times the logins of one core two do.
//
//	go test -run '^$' -bench LoginTwoCores -benchtime 3000000x -timeout 1h . -full
func BenchmarkLoginTwoCores(b *testing.B) {
	for _, n := range tokenCounts() {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			if runtime.GOMAXPROCS(0) < 2 {
				b.Fatal("one core only")
			}
			m, w := filledManager(b, true, n)
			first, second := w, newWalk(w.forge, n, 2)
			share := max(1, b.N/benchRounds/handful)
			b.ResetTimer()
			medians := inTurn(
				func() time.Duration {
					start := time.Now()
					first.admit(b, m, share)
					return time.Since(start)
				},
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
