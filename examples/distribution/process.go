package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// buildRegistry returns the path of distribution's command, built from the
// version in go.mod and kept where go keeps what it builds.
func buildRegistry(ctx context.Context) (string, error) {
	var stderr bytes.Buffer
	build := exec.CommandContext(ctx, "go", "tool", "-n", "github.com/distribution/distribution/v3/cmd/registry")
	build.Stderr = &stderr
	path, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("cannot build the registry (run this within the repository, or name a program by -registry): %w\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(path)), nil
}

// A registryProcess is the registry, in a process of its own.
type registryProcess struct {
	program, config string
	log             *os.File

	// listening gets the address once the registry listens on it.
	listening chan string

	unread []byte // of its output: a line that has not ended
	fatal  string // what it said last before it ended
}

func newRegistryProcess(program, config, folder string) (*registryProcess, error) {
	log, err := os.OpenFile(filepath.Join(folder, "registry.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &registryProcess{program: program, config: config, log: log, listening: make(chan string, 1)}, nil
}

// Close closes the log.
func (p *registryProcess) Close() error { return p.log.Close() }

// run runs the registry until ctx ends; then it has a while to answer the
// requests under way.
func (p *registryProcess) run(ctx context.Context) error {
	const drainTimeout = 10 * time.Second
	command := exec.CommandContext(ctx, p.program, "serve", p.config)
	command.Stdout, command.Stderr = p, p
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = drainTimeout
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return errors.New("the registry ended by itself")
	case errors.As(err, &exit):
		return fmt.Errorf("the registry ended: %w: %s", err, p.fatal)
	default:
		return fmt.Errorf("cannot start the registry: %w", err)
	}
}

// Write takes the registry's output, writes it to the log and looks out for
// two kinds of line.
func (p *registryProcess) Write(text []byte) (int, error) {
	p.unread = append(p.unread, text...)
	for {
		line, rest, ok := bytes.Cut(p.unread, []byte("\n"))
		if !ok {
			return p.log.Write(text)
		}
		p.unread = rest
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) != nil {
			continue // not from its logger
		}
		if host, ok := strings.CutPrefix(entry.Msg, "listening on "); ok {
			select {
			case p.listening <- host:
			default: // it has been told
			}
		}
		if entry.Level == "fatal" {
			p.fatal = entry.Msg
		}
	}
}
