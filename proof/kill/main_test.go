package kill_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/regtoken/regtoken/proof/internal/frontend"
)

var (
	kills    = flag.Int("kills", 6, "how often the writer of each store is killed; the other tests go by it too")
	seedFlag = flag.Uint64("seed", 1, "of what is chosen at random; 0: another one each time")
)

// isFull reports whether this is the full form: what is rare must be seen.
func isFull() bool { return *kills >= 100 }

// rounds returns how many rounds there are of something that takes as long as
// so many kills.
func rounds(asLongAs int) int { return max(1, *kills/asLongAs) }

// newRandom returns the source of what a test chooses. If the test fails it
// prints the seed.
func newRandom(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("-seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// upTo returns a time below most.
func upTo(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most)))
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	var err error
	if folder, err = os.MkdirTemp("", "regtoken-kill-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		for _, cleanup := range slices.Backward(cleanups) {
			cleanup()
		}
		// toxiproxy's limit_data ends without a word to the toxic that hands data
		// on to it.
		leaked := goleak.Find(goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
		if err := errors.Join(os.RemoveAll(folder), leaked); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// What ends with the last test.
var (
	folder     string
	cleanupsMu sync.Mutex
	cleanups   []func()
)

// A lasting test starts what is there for the tests behind it, too.
type lasting struct{ testing.TB }

func (lasting) TempDir() string { return folder }

func (lasting) Cleanup(f func()) {
	cleanupsMu.Lock()
	defer cleanupsMu.Unlock()
	cleanups = append(cleanups, f)
}

// A startOnce is what the first test that needs it starts.
type startOnce[T any] struct {
	once  sync.Once
	value T
	ok    bool
}

// get returns the value, or skips the test as the first was skipped.
func (s *startOnce[T]) get(tb testing.TB, start func(tb testing.TB) T) T {
	tb.Helper()
	s.once.Do(func() { s.value, s.ok = start(lasting{tb}), true })
	if !s.ok {
		tb.Skip("could not be started: see the test before")
	}
	return s.value
}

// program is the front-end's command.
var program startOnce[string]

// startFrontEnd starts a process.
func startFrontEnd(tb testing.TB, config frontend.Config) *frontend.Process {
	tb.Helper()
	path := program.get(tb, func(tb testing.TB) string { return frontend.Build(tb, nil) })
	return frontend.Start(tb, path, config)
}
