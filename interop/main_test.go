package interop

import (
	"io"
	"log"
	"os"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/regtoken/regtoken/interop/internal/tool"
)

var tools *tool.Box

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // distribution logs each answer that is an error
	var err error
	if tools, err = tool.NewBox("clients"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := tools.Remove(); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}
