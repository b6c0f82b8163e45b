package flat

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// hugePage is the size of the pages that Linux makes of small ones, in bytes,
// where those have 4 KiB. Where they have more it declines.
const hugePage = 2 << 20

// madvCollapse is MADV_COLLAPSE of Linux 6.1, which package syscall lacks.
const madvCollapse = 25

// leastForHugePages is how much memory is worth it, in bytes.
const leastForHugePages = hugePage / 16

// useHugePages asks Linux to keep new memory that is large enough in huge pages:
// to look into it, the processor must first find its page, and of thousands of
// small ones it remembers too few. Unlike MADV_HUGEPAGE this asks once, and
// nothing of it stays when the memory is free again; where it is refused, all is
// as it was. What shares the first or the last page is other memory of Go's heap.
//
// It writes to the memory, which nobody else may know of yet.
func useHugePages[Word uint64 | atomic.Uint32](memory []Word) {
	size := unsafe.Sizeof(memory[0])
	bytes := uintptr(len(memory)) * size
	if bytes < leastForHugePages {
		return
	}
	touch := func(at uintptr) { // pages that nobody wrote to cannot become one
		atomic.AddUint32((*uint32)(unsafe.Pointer(&memory[at/size])), 0)
	}
	for at := uintptr(0); at < bytes; at += hugePage {
		touch(at)
	}
	touch(bytes - size)
	start := uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	for page := start &^ (hugePage - 1); page < start+bytes; page += hugePage {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, page, hugePage, madvCollapse)
	}
}
