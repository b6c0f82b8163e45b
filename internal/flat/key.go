package flat

import "encoding/binary"

const (
	wordSize = 8
	maxKey   = 128
)

// A Key is what a record is looked up by: two short texts. It is larger than
// they are, and meant to live on the stack of who looks. The zero Key is that
// of two empty texts once it was Set.
type Key struct {
	text [maxKey]byte // with a NUL between the two, and zeros behind
	size int
}

// Set makes k the key of the two texts, and reports whether it could: the first
// must hold no NUL, and both together fewer than 128 bytes. k must be zero
// before.
func (k *Key) Set(first, second string) bool {
	if len(first)+1+len(second) > maxKey {
		return false
	}
	n := copy(k.text[:], first) + 1
	k.size = n + copy(k.text[n:], second)
	return true
}

// words returns how many words the text takes.
func (k *Key) words() int { return wordsFor(k.size) }

func (k *Key) word(i int) uint64 { return binary.LittleEndian.Uint64(k.text[i*wordSize:]) }

func wordsFor(bytes int) int { return (bytes + wordSize - 1) / wordSize }

// An ID is what a record can be looked up by as well.
type ID = [16]byte
