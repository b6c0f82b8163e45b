//go:build !amd64 && !arm64

package flat

// prefetch does nothing where there is no instruction for it at hand.
func prefetch(*uint64) {}
