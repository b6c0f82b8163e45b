package matrix

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stock is the configuration file of a distribution registry, which is YAML,
// and so may be JSON.
type stock struct {
	Version string         `json:"version"`
	Log     map[string]any `json:"log"`
	Storage map[string]any `json:"storage"`
	HTTP    map[string]any `json:"http"`
	Auth    map[string]any `json:"auth,omitempty"`
}

// newStock is a registry on a free port, without TLS and without login.
func newStock(t *testing.T) stock {
	return stock{
		Version: "0.1",
		Log:     map[string]any{"level": "info", "accesslog": map[string]any{"disabled": true}},
		Storage: map[string]any{
			"filesystem":  map[string]any{"rootdirectory": t.TempDir()},
			"delete":      map[string]any{"enabled": true},
			"maintenance": map[string]any{"uploadpurging": map[string]any{"enabled": false}},
		},
		HTTP: map[string]any{"addr": "127.0.0.1:0", "secret": "for uploads of this one process"},
	}
}

// start starts the registry as a process and returns its port.
func (c stock) start(t *testing.T) (port string) {
	t.Helper()
	path, err := tools.Command("registry")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "config.yml")
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))

	log := &processLog{port: make(chan string, 1)}
	process := exec.Command(path, "serve", file)
	process.Env = []string{"OTEL_TRACES_EXPORTER=none"} // nobody collects them
	process.Stdout, process.Stderr = log, log
	require.NoError(t, process.Start())
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the registry's log:\n%s", log)
		}
	})
	select {
	case port = <-log.port:
	case <-ended:
		require.Fail(t, "the registry ended at once")
	case <-time.After(30 * time.Second):
		require.Fail(t, "the registry does not listen")
	}
	return port
}

// A processLog keeps what a registry logs, and finds the port in it.
type processLog struct {
	mutex sync.Mutex
	text  bytes.Buffer
	port  chan string
	found bool
}

var listening = regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`)

func (l *processLog) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text.Write(p)
	if l.found {
		return len(p), nil
	}
	if parts := listening.FindSubmatch(l.text.Bytes()); parts != nil {
		l.found = true
		l.port <- string(parts[1])
	}
	return len(p), nil
}

func (l *processLog) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
