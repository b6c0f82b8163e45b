package testetcd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// commands are the paths of the programs that a cluster needs.
type commands struct{ etcd, etcdutl string }

// found is the result of looking for the commands, once a process.
var found = sync.OnceValues(func() (commands, error) {
	if c, ok := onPath(); ok {
		return c, nil
	}
	c, err := built()
	if err != nil {
		return commands{}, fmt.Errorf("%w: %w", ErrNotInstalled, err)
	}
	return c, nil
})

var versionLine = regexp.MustCompile(`etcd Version: (\d+)\.(\d+)\.`)

// onPath returns the commands of the PATH, if they are there and new enough.
func onPath() (commands, bool) {
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		return commands{}, false
	}
	etcdutl, err := exec.LookPath("etcdutl")
	if err != nil {
		return commands{}, false
	}
	output, err := exec.Command(etcd, "--version").Output()
	match := versionLine.FindSubmatch(output)
	if err != nil || match == nil {
		return commands{}, false
	}
	major, _ := strconv.Atoi(string(match[1]))
	minor, _ := strconv.Atoi(string(match[2]))
	return commands{etcd, etcdutl}, major == 3 && minor >= 5
}

// built returns the commands of the module in the folder commands. They stand
// in the cache under the hash of its go.sum, which names every version.
func built() (commands, error) {
	source, err := sourceFolder()
	if err != nil {
		return commands{}, err
	}
	sum, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return commands{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return commands{}, err
	}
	hash := sha256.Sum256(sum)
	folder := filepath.Join(cache, "regtoken-etcd", hex.EncodeToString(hash[:8]))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return commands{}, err
	}
	// The tests of several packages run at once: one builds, all others wait.
	unlock, err := lock(filepath.Join(folder, "lock"))
	if err != nil {
		return commands{}, err
	}
	defer unlock()

	c := commands{filepath.Join(folder, "etcd"+exe()), filepath.Join(folder, "etcdutl"+exe())}
	for path, name := range map[string]string{
		c.etcd:    "go.etcd.io/etcd/server/v3",
		c.etcdutl: "go.etcd.io/etcd/etcdutl/v3",
	} {
		if err := build(source, path, name); err != nil {
			return commands{}, err
		}
	}
	return c, nil
}

// sourceFolder returns the folder of the module commands, which is not part of
// the module this package is in, and so cannot be embedded.
func sourceFolder() (string, error) {
	list := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/regtoken/regtoken/internal/testetcd")
	output, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w", list, err)
	}
	return filepath.Join(strings.TrimSpace(string(output)), "commands"), nil
}

// build makes the command name at path, unless it is there: under another name
// first, so that what is at path is always whole.
func build(source, path, name string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	unfinished := path + ".unfinished"
	compile := exec.Command("go", "build", "-C", source, "-ldflags=-s -w", "-o", unfinished, name)
	compile.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if output, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", compile, err, output)
	}
	return os.Rename(unfinished, path)
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
