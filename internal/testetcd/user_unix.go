//go:build unix

package testetcd

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// An account is the unprivileged user whom the processes of a cluster belong
// to; nil for the one who runs the test.
type account struct{ uid, gid int }

func unprivileged() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	return &account{uid, gid}, err
}

// own gives path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// run lets the command run as the account.
func (a *account) run(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{}
	endWithParent(command.SysProcAttr)
	if a != nil {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// lock waits until no other process has the lock of path.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil // which gives the lock up
}
