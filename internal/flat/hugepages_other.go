//go:build !linux

package flat

import "sync/atomic"

// useHugePages does nothing where there is no such call.
func useHugePages[Word uint64 | atomic.Uint32]([]Word) {}
