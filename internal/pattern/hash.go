package pattern

import (
	"math/bits"
	"math/rand/v2"
)

// Hashes propose and never decide, but whoever writes patterns shall not be
// able to choose ones that collide: each process has keys of its own.
var key1, key2 = rand.Uint64(), rand.Uint64()

// mix is the multiplication of wyhash.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^key1, b^key2)
	return high ^ low
}

// load returns the eight bytes of s from place i on.
func load(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// A subject is a text whose beginnings and ends can be hashed a word at a
// time.
type subject struct {
	text        string
	first, last uint64 // its first and its last eight bytes; of a shorter text, all between zeros
}

func newSubject(text string) subject {
	if len(text) >= 8 {
		return subject{text, load(text, 0), load(text, len(text)-8)}
	}
	var word uint64
	for i := range len(text) {
		word |= uint64(text[i]) << (8 * i)
	}
	return subject{text, word, word << (64 - 8*len(text))}
}

// prefix returns the hash of the first n bytes.
func (s *subject) prefix(n int) uint32 {
	if n <= 8 {
		return uint32(mix(uint64(n), s.first&(1<<(8*n)-1)))
	}
	var h uint64
	i := 0
	for ; i+8 < n; i += 8 {
		h = mix(h, load(s.text, i))
	}
	return uint32(mix(h+uint64(n), load(s.text, n-8)))
}

// suffix returns the hash of the last n bytes.
func (s *subject) suffix(n int) uint32 {
	if n <= 8 {
		return uint32(mix(uint64(n), s.last>>(64-8*n)))
	}
	var h uint64
	i := len(s.text)
	for ; i-8 > len(s.text)-n; i -= 8 {
		h = mix(h, load(s.text, i-8))
	}
	return uint32(mix(h+uint64(n), load(s.text, len(s.text)-n)))
}

func hashPrefix(text string) uint32 {
	s := newSubject(text)
	return s.prefix(len(text))
}

func hashSuffix(text string) uint32 {
	s := newSubject(text)
	return s.suffix(len(text))
}
