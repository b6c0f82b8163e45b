//go:build !amd64 && !arm64

package flat

import "unsafe"

// prefetch does nothing where there is no instruction for it at hand.
func prefetch(unsafe.Pointer) {}
