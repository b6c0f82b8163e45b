// Package tool gets the commands that the tests of interop run. They are built
// from the Go module proxy, each at a fixed version and with the dependencies
// that its authors chose, so that none of these are ours.
package tool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// The packages of the commands, by their names.
var packages = map[string]string{
	"buildx":      "github.com/docker/buildx/cmd/buildx@v0.38.2",
	"conformance": "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111",
	"crane":       "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
	"oras":        "oras.land/oras/cmd/oras@v1.3.6",
	"regctl":      "github.com/regclient/regclient/cmd/regctl@v0.11.7",
	"registry":    "github.com/distribution/distribution/v3/cmd/registry@v3.1.2",
}

// docker's module has no go.mod, and so gets one of ours.
const docker = "docker"

// A Box holds commands. They are built when they are first asked for.
type Box struct {
	folder  string
	clients string
	mutex   sync.Mutex
	builds  map[string]func() (string, error)
}

// NewBox makes an empty box. Clients is the path of interop/clients.
func NewBox(clients string) (*Box, error) {
	folder, err := os.MkdirTemp("", "regtoken-interop-")
	return &Box{folder: folder, clients: clients, builds: map[string]func() (string, error){}}, err
}

// Remove removes the commands.
func (b *Box) Remove() error { return os.RemoveAll(b.folder) }

// Command returns the path of a command, in a folder with nothing else.
func (b *Box) Command(name string) (string, error) {
	b.mutex.Lock()
	build, ok := b.builds[name]
	if !ok {
		build = sync.OnceValues(func() (string, error) { return b.build(name) })
		b.builds[name] = build
	}
	b.mutex.Unlock()
	return build()
}

var errUnknown = errors.New("no such command")

func (b *Box) build(name string) (string, error) {
	folder := filepath.Join(b.folder, name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(folder, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	var build *exec.Cmd
	if name == docker {
		// Some of its files count on the go directive of the go.mod it lacks.
		build = exec.Command("go", "build", "-C", b.clients, "-o", path,
			"-gcflags=github.com/docker/cli/cmd/docker=-lang=go1.26", "github.com/docker/cli/cmd/docker")
	} else {
		versioned, ok := packages[name]
		if !ok {
			return "", fmt.Errorf("%s: %w", name, errUnknown)
		}
		build = exec.Command("go", "install", "-ldflags=-s -w", versioned)
	}
	build.Env = append(os.Environ(), "GOBIN="+folder, "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", build, err, output)
	}
	return path, nil
}
