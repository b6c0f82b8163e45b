//go:build unix && !linux

package testpostgres

import (
	"errors"
	"os/exec"
	"syscall"
)

// endWithParent: only Linux can.
func endWithParent(*syscall.SysProcAttr) {}

// killAll ends the server; its children end by themselves as they notice.
func killAll(server *exec.Cmd) error {
	if err := server.Process.Kill(); err != nil {
		return err
	}
	var killed *exec.ExitError
	if err := server.Wait(); err != nil && !errors.As(err, &killed) {
		return err
	}
	return nil
}
