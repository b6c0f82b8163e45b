package pattern

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Hashes propose and never decide, but whoever writes patterns shall not be
// able to choose ones that collide: each process has keys of its own.
var key1, key2 = rand.Uint64(), rand.Uint64()

// mix is the multiplication of wyhash. All bits of the result depend on all of
// a and b.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^key1, b^key2)
	return high ^ low
}

func hashWord(word uint64) uint32 { return uint32(mix(word, 0)) }

const wordSize = 8 // bytes

// load returns the word of s from place i on. (The conversion copies nothing.)
func load(s string, i int) uint64 { return binary.LittleEndian.Uint64([]byte(s[i : i+wordSize])) }

// masks keep the first bytes of a word.
var masks = [wordSize + 1]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

// A subject is a text whose prefixes and suffixes can be hashed a word at a
// time.
type subject struct {
	text        string
	first, last uint64 // its first word and its last; of a shorter text, all between zeros
}

// read makes text the subject. (It fills it in because a copy of it, made at
// once, would cost as much as all the rest.)
func (s *subject) read(text string) {
	s.text = text
	if len(text) >= wordSize {
		s.first, s.last = load(text, 0), load(text, len(text)-wordSize)
		return
	}
	s.first = 0
	for i := range len(text) {
		s.first |= uint64(text[i]) << (8 * i)
	}
	s.last = s.first << (8 * (wordSize - len(text)))
}

// word returns the word from place i on, with zeros for what is behind the text.
func (s *subject) word(i int) uint64 {
	if i+wordSize <= len(s.text) {
		return load(s.text, i)
	}
	return s.last >> (8 * (i + wordSize - len(s.text)))
}

// wordFromEnd is word, of the text read backwards.
func (s *subject) wordFromEnd(i int) uint64 {
	end := len(s.text) - i
	if end >= wordSize {
		return bits.ReverseBytes64(load(s.text, end-wordSize))
	}
	return bits.ReverseBytes64(s.first << (8 * (wordSize - end)))
}

// prefix returns the hash of the first n bytes.
func (s *subject) prefix(n uint8) uint32 {
	if n <= wordSize {
		return hashEnd(0, n, s.first&masks[n])
	}
	var words uint64
	at := 0
	for ; at+wordSize < int(n); at += wordSize {
		words = mix(words, load(s.text, at))
	}
	return hashEnd(words, n, s.word(at)&masks[int(n)-at])
}

// suffix returns the hash of the last n bytes.
func (s *subject) suffix(n uint8) uint32 {
	if n <= wordSize {
		return hashEnd(0, n, bits.ReverseBytes64(s.last)&masks[n])
	}
	var words uint64
	at := 0
	for ; at+wordSize < int(n); at += wordSize {
		words = mix(words, s.wordFromEnd(at))
	}
	return hashEnd(words, n, s.wordFromEnd(at)&masks[int(n)-at])
}

// hashEnd returns the hash of n bytes, by that of all whole words but the last
// and what is left.
func hashEnd(words uint64, n uint8, rest uint64) uint32 { return hashWord((words + uint64(n)) ^ rest) }
