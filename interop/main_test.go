package interop

import (
	"io"
	"os"
	"testing"

	"github.com/sirupsen/logrus"
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // distribution logs each answer that is an error
	code := m.Run()
	docker.remove()
	os.Exit(code)
}
