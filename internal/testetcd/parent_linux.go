package testetcd

import "syscall"

// endWithParent lets a process be killed when that of the test ends without
// having stopped it.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
