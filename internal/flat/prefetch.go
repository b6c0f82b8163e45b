//go:build amd64 || arm64

package flat

import "unsafe"

// prefetch tells the processor that two cache lines are about to be read, that
// of the address and the next, and does not wait for them.
//
//go:noescape
func prefetch(address unsafe.Pointer)
