package matrix

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/regtoken/regtoken/interop/internal/tool"
)

var (
	update = flag.Bool("update", false, "write MATRIX.md")

	tools *tool.Box
)

func TestMain(m *testing.M) {
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
