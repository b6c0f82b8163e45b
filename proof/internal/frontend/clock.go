package frontend

import "golang.org/x/sys/unix"

// Now reads the machine's monotonic clock, in nanoseconds: one clock for all
// processes on it, and never set.
func Now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
