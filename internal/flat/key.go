package flat

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

const (
	wordSize = 8

	// MaxText is the most bytes of each text of a key.
	MaxText = 255
)

// A Key is what a record is looked up by: two texts.
type Key struct{ First, Second string }

// Fits reports whether there can be a record with the key: each text has at
// most MaxText bytes.
func (k Key) Fits() bool { return len(k.First) <= MaxText && len(k.Second) <= MaxText }

// words returns how many words the texts take.
func (k Key) words() int { return wordsFor(len(k.First)) + wordsFor(len(k.Second)) }

func (k Key) hash(seed maphash.Seed) uint64 {
	return hashTexts(seed, bytesOf(k.First), bytesOf(k.Second))
}

func hashTexts(seed maphash.Seed, first, second []byte) uint64 {
	h := maphash.Bytes(seed, second)
	if len(first) > 0 {
		h ^= bits.RotateLeft64(maphash.Bytes(seed, first), 1)
	}
	return h
}

// bytesOf returns the bytes of a text where they lie. They must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func wordsFor(bytes int) int { return (bytes + wordSize - 1) / wordSize }

// load returns the first eight bytes of a text as a word.
func load(s string) uint64 {
	_ = s[wordSize-1]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// lastWord returns what is left of a text behind its whole words, with zeros
// behind the end.
func lastWord(s string) (word uint64) {
	n := len(s) % wordSize
	if len(s) >= wordSize {
		return load(s[len(s)-wordSize:]) >> (8 * (wordSize - n))
	}
	for i := n - 1; i >= 0; i-- {
		word = word<<8 | uint64(s[i])
	}
	return word
}

// putText writes a text as words, and returns those behind it.
func putText(words []uint64, s string) []uint64 {
	n := len(s) / wordSize
	for i := range n {
		words[i] = load(s[i*wordSize:])
	}
	if len(s)%wordSize > 0 {
		words[n] = lastWord(s)
	}
	return words[wordsFor(len(s)):]
}

// isText reports whether words begin with the text, and then with zeros up to
// the end of a word.
func isText(words []uint64, s string) bool {
	n := len(s) / wordSize
	for i, word := range words[:n] {
		if word != load(s[i*wordSize:]) {
			return false
		}
	}
	return len(s)%wordSize == 0 || words[n] == lastWord(s)
}

// appendText appends the text of so many bytes that words begin with.
func appendText(text []byte, words []uint64, size int) []byte {
	end := len(text) + size
	for _, word := range words[:wordsFor(size)] {
		text = binary.LittleEndian.AppendUint64(text, word)
	}
	return text[:end]
}

// textOf returns the text of so many bytes that words begin with.
func textOf(words []uint64, size int) string {
	return string(appendText(make([]byte, 0, MaxText+wordSize), words, size))
}

// An ID is what a record can be looked up by as well.
type ID = [16]byte

func hashID(seed maphash.Seed, id ID) uint64 { return maphash.Bytes(seed, id[:]) }
