package fleet_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

var (
	full = flag.Bool("full", false, "1, 10 and 40 front-ends, and figures that mean something")
	seed = flag.Uint64("seed", 1, "the seed of what is random; 0: one of its own")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	goleak.VerifyTestMain(m)
}
