package history_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

var (
	histories = flag.Int("histories", 2, "how many histories of each kind and store to play")
	calls     = flag.Int("ops", 240, "how many calls a history has")
	seed      = flag.Uint64("seed", 1, "the seed of the first history; the others follow it. 0: one by chance")
)

// perSide is how many workers each process has.
const perSide = 3

// TestMain sees that no test leaves a goroutine behind, but for toxiproxy, which
// leaves some of connections that it cut.
func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(rand.Uint32()) + 1
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}
