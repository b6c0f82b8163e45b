package revocation_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

var (
	seed        = flag.Uint64("seed", 1, "the seed of what is random; 0: one of its own")
	revocations = flag.Int("revocations", 48, "how many of each campaign")
	bound       = flag.Duration("bound", shortBound, "Options.MaxStaleness of the front-ends")
	full        = flag.Bool("full", false, "play everything: the whole campaign with each mutant too, and every restore in both ways")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	// A connection through toxiproxy whose one end went away under a toxic
	// leaves goroutines behind, with a last piece of data in hand.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}
