// Package counter counts what happens on many cores at once.
package counter

import (
	"sync/atomic"
	"unsafe"
)

const (
	cellBits = 7
	cellSize = 128 // two cache lines: some processors fetch them in pairs
)

// A Counter is a number that many goroutines increment and few read: each
// goroutine has, as a rule, a cell of its own, so that cores do not fight over
// one. It is safe for concurrent use. The zero Counter is 0.
type Counter struct {
	cells [1 << cellBits]struct {
		n atomic.Uint64
		_ [cellSize - 8]byte
	}
}

// Inc adds 1.
func (c *Counter) Inc() { c.cells[cell()].n.Add(1) }

// Load returns the sum. What is added meanwhile may be in it or not.
func (c *Counter) Load() (sum uint64) {
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}

// cell returns which cell the calling goroutine counts in: the place of its
// stack tells goroutines apart. That a stack may move does not matter.
func cell() uint64 {
	const smallestStack, multiplier = 11, 0x9E3779B97F4A7C15 // the latter is 2^64 over the golden ratio
	var here byte
	return uint64(uintptr(unsafe.Pointer(&here))) >> smallestStack * multiplier >> (64 - cellBits)
}
