package pattern

import (
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

// load returns the word of s from place i on.
func load(s string, i int) uint64 {
	s = s[i : i+wordSize]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// masks keep the first bytes of a word, or the last if they are complemented.
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

// prefix returns the hash of the first n bytes.
func (s *subject) prefix(n uint8) uint32 { return new(chain).prefix(s, n) }

// suffix returns the hash of the last n bytes.
func (s *subject) suffix(n uint8) uint32 { return new(chain).suffix(s, n) }

// A chain hashes ever longer prefixes of one subject, or suffixes, and reads
// its text but once. The zero chain is at the end where that begins.
type chain struct {
	hash uint64 // of whole words, all but the last
	size int    // of them, in bytes
}

func (c *chain) prefix(s *subject, n uint8) uint32 {
	if n <= wordSize {
		return hashWord(s.first & masks[n])
	}
	for ; c.size+wordSize < int(n); c.size += wordSize {
		c.hash = mix(c.hash, load(s.text, c.size))
	}
	return hashWord((c.hash + uint64(n)) ^ load(s.text, int(n)-wordSize))
}

func (c *chain) suffix(s *subject, n uint8) uint32 {
	if n <= wordSize {
		return hashWord(s.last &^ masks[wordSize-n])
	}
	for ; c.size+wordSize < int(n); c.size += wordSize {
		c.hash = mix(c.hash, load(s.text, len(s.text)-c.size-wordSize))
	}
	return hashWord((c.hash + uint64(n)) ^ load(s.text, len(s.text)-int(n)))
}
