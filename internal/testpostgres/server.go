//go:build unix

package testpostgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a server may take to be ready: recovering after a
// kill, on a busy machine.
const startLimit = 2 * time.Minute

// pollInterval is how often something of the operating system is looked at
// that cannot be waited for.
const pollInterval = 5 * time.Millisecond

// settings are durable, as in production, and small.
var settings = []string{
	"listen_addresses=127.0.0.1",
	"unix_socket_directories=", // none, in a place that others share
	"fsync=on", "full_page_writes=on", "synchronous_commit=on",
	"shared_buffers=32MB", "min_wal_size=32MB", "max_wal_size=128MB",
	"max_connections=300",
	"wal_keep_size=128MB", // a standby may be down for a while
	"lc_messages=C",
}

// Start starts the server again, on the same port and the same data.
func (c *Cluster) Start(tb testing.TB) {
	tb.Helper()
	check(tb, c.start())
}

// Stop shuts the server down in good order, cutting all connections.
// It does nothing if the server is down.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	check(tb, c.stop(syscall.SIGINT)) // "fast shutdown"
}

// Kill ends all processes of the server at once by SIGKILL, as if they had
// crashed; what the operating system was given, it keeps. Kill returns when
// they are gone. It does nothing if the server is down.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	check(tb, c.kill())
}

func (c *Cluster) data() string    { return filepath.Join(c.folder, "data") }
func (c *Cluster) logFile() string { return filepath.Join(c.folder, "log") }

// startOnFreePort chooses the port of the cluster. Another process may take it
// in the same moment; then another is tried.
func (c *Cluster) startOnFreePort() error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		c.port = port
		err = c.start()
		if err == nil || attempt == 5 || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
}

func (c *Cluster) start() error {
	if c.process != nil {
		return errors.New("testpostgres: the server is running")
	}
	args := []string{"-D", c.data(), "-p", strconv.Itoa(c.port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := c.command("postgres", args...)
	endWithParent(cmd.SysProcAttr)
	log, err := os.Create(c.logFile())
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log // a file: no goroutine copies
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return err
	}
	if err := c.awaitReady(cmd); err != nil {
		return err
	}
	c.process = cmd
	return nil
}

// awaitReady returns when cmd serves connections. If it does not come to
// that, no process is left.
func (c *Cluster) awaitReady(cmd *exec.Cmd) error {
	for waited := time.Duration(0); waited < startLimit; waited += pollInterval {
		if c.isReady(cmd.Process.Pid) {
			return nil
		}
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WNOHANG, nil); err != nil || pid != 0 {
			return errors.Join(fmt.Errorf("testpostgres: the server ended at its start: %s", c.logTail()), cmd.Process.Release())
		}
		time.Sleep(pollInterval)
	}
	return errors.Join(fmt.Errorf("testpostgres: the server is not ready: %s", c.logTail()), killAll(cmd))
}

// isReady reads the file in which a server says how far it is, as pg_ctl does:
// its process first, its state in the eighth line.
func (c *Cluster) isReady(pid int) bool {
	content, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 8 || strings.TrimSpace(lines[0]) != strconv.Itoa(pid) {
		return false
	}
	state := strings.TrimSpace(lines[7])
	return state == "ready" || state == "standby" && c.servesReads()
}

// servesReads: a standby is in the state "standby" before it lets anyone in.
func (c *Cluster) servesReads() bool {
	_, err := c.sql("", "SELECT 1")
	return err == nil
}

// logTail returns the end of the server's log.
func (c *Cluster) logTail() string {
	content, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	const most = 4096
	return string(content[max(0, len(content)-most):])
}

func (c *Cluster) stop(signal syscall.Signal) error {
	if c.process == nil {
		return nil
	}
	cmd := c.process
	c.process = nil
	if err := cmd.Process.Signal(signal); err != nil {
		return errors.Join(err, killAll(cmd))
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("testpostgres: %w: %s", err, c.logTail())
	}
	return nil
}

func (c *Cluster) kill() error {
	if c.process == nil {
		return nil
	}
	cmd := c.process
	c.process = nil
	return killAll(cmd)
}
