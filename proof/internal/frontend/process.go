// Package frontend is a process with a Manager in it that does as it is told:
// the proofs kill it, cut it off, and compare what several of them saw.
package frontend

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A Process is a front-end, run by a test.
type Process struct {
	client  *rpc.Client
	command *exec.Cmd
	ended   sync.Once
	exit    error
}

// Build builds the front-end's command, with some source files replaced by
// others (both by absolute path; nil for none), and returns its path.
func Build(tb testing.TB, replaced map[string]string) string {
	tb.Helper()
	folder := tb.TempDir()
	path := filepath.Join(folder, "frontend")
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		tb.Fatal(err)
	}
	overlayFile := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		tb.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", overlayFile, "-o", path, "github.com/regtoken/regtoken/proof/frontend")
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", build, err, output)
	}
	return path
}

// Start starts the command that [Build] made. It is ended with the test.
func Start(tb testing.TB, path string, config Config) *Process {
	tb.Helper()
	encoded, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{command: exec.Command(path)}
	p.command.Stderr = os.Stderr
	p.command.Env = append(os.Environ(), "REGTOKEN_FRONTEND="+string(encoded))
	in, err := p.command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	p.client = rpc.NewClient(Conn{out, in})
	tb.Cleanup(p.Close)
	return p
}

// Call makes a call of [Service], and returns why it could not be made: the
// process was killed, say.
func (p *Process) Call(method string, args, reply any) error {
	return p.client.Call("FrontEnd."+method, args, reply)
}

// Do makes one of the calls of [Service] that take a [Call].
func (p *Process) Do(method string, call Call) (reply Reply, err error) {
	err = p.Call(method, call, &reply)
	return reply, err
}

// DoStore makes one of the calls of [StoreService].
func (p *Process) DoStore(method string, call StoreCall) (reply StoreReply, err error) {
	err = p.client.Call("Store."+method, call, &reply)
	return reply, err
}

// Kill ends the process as a power cut would.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	p.Close()
}

// Signal sends the process a signal; what it had answered before can still be
// read.
func (p *Process) Signal(signal os.Signal) error { return p.command.Process.Signal(signal) }

// AwaitStop returns when the process, sent SIGSTOP, stands still.
func (p *Process) AwaitStop() error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(p.command.Process.Pid, &status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case status.Stopped():
			return nil
		default:
			return fmt.Errorf("frontend: the process ended: %v", status)
		}
	}
}

// Close ends the process and waits for its end.
func (p *Process) Close() {
	p.ended.Do(func() {
		_ = p.client.Close()
		p.exit = p.command.Wait()
	})
}

// Exit closes the process and returns how it ended: nil if in good order.
func (p *Process) Exit() error {
	p.Close()
	return p.exit
}

// Conn makes one connection of two pipes.
type Conn struct {
	io.ReadCloser
	Out io.WriteCloser
}

// Write writes to the outgoing pipe.
func (c Conn) Write(p []byte) (int, error) { return c.Out.Write(p) }

// Close closes both.
func (c Conn) Close() error {
	err := c.Out.Close()
	if inErr := c.ReadCloser.Close(); err == nil {
		err = inErr
	}
	return err
}
