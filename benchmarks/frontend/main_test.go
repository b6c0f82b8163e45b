package frontend

import (
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/regtoken/regtoken/benchmarks/frontend/load"
)

var (
	full   = flag.Bool("full", false, "rounds that are long and many enough for figures that mean something")
	asLoad = flag.Bool("load", false, "be the process that makes the load: take orders from standard input")
)

// extent returns how many rounds there are, and how long each turn is.
func extent() (rounds int, turn time.Duration) {
	if *full {
		return 31, 200 * time.Millisecond
	}
	return 5, 40 * time.Millisecond
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *asLoad {
		if err := load.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.ErrorLevel) // distribution logs each answer, which would be most of its work
	os.Exit(m.Run())
}
