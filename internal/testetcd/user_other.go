//go:build !unix

package testetcd

import "os/exec"

// An account is a user other than the one who runs the test; here there are
// none.
type account struct{}

func unprivileged() (*account, error) { return nil, nil }

func (*account) own(string) error { return nil }

func (*account) run(*exec.Cmd) {}

// lock does nothing: two processes may both build the commands.
func lock(string) (unlock func(), err error) { return func() {}, nil }
