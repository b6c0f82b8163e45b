//go:build amd64 || arm64

package flat

// prefetch tells the processor that two cache lines are about to be read, that
// of the word and the next, and does not wait for them.
//
//go:noescape
func prefetch(word *uint64)
