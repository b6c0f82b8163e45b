package matrix

import (
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/regtoken/regtoken/interop/internal/tool"
)

var (
	full   = flag.Bool("full", false, "run every row in every arrangement")
	update = flag.Bool("update", false, "write MATRIX.md, with -full")

	tools *tool.Box
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // distribution logs each answer that is an error
	var err error
	if tools, err = tool.NewBox(filepath.Join("..", "clients")); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := tools.Remove(); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}
