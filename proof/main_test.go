package proof_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sets how much a run without flags plays, and with which seed, so
// that it can be repeated; and sees that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "50", "rapid.steps": "60", "rapid.seed": "1"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
