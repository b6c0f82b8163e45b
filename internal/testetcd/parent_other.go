//go:build unix && !linux

package testetcd

import "syscall"

// endWithParent does nothing where there is no way to.
func endWithParent(*syscall.SysProcAttr) {}
