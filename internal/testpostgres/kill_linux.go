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
	"time"
)

// endWithParent lets the server shut down, children included, when the
// process of the test ends without having stopped it.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

// killAll ends a server and its children, which each have a process group of
// their own. The server is halted first: then no child is started any more.
func killAll(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	children, err := childrenOf(server.Process.Pid)
	if err != nil {
		return err
	}
	for _, pid := range append(children, server.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	var killed *exec.ExitError
	if err := server.Wait(); err != nil && !errors.As(err, &killed) {
		return err
	}
	// The next server on these data must not meet them.
	for _, pid := range children {
		for isAlive(pid) {
			time.Sleep(pollInterval)
		}
	}
	return nil
}

func childrenOf(parent int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			return nil, err
		}
		if state := stateOf(pid); len(state) > 1 && state[1] == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children, nil
}

// stateOf returns what follows the name in /proc/PID/stat: the state, the
// parent, ...; nothing if there is no such process.
func stateOf(pid int) []string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(content), ") ") // the name may hold spaces
	return strings.Fields(rest)
}

// isAlive: a zombie holds nothing any more, whoever may come to reap it.
func isAlive(pid int) bool {
	state := stateOf(pid)
	return len(state) > 0 && state[0] != "Z" && state[0] != "X"
}
