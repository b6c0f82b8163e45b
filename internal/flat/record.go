package flat

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
)

// A Record is one record as it was put: its payload, and the value it shares
// with others. The zero Record is none. It stays what it is, whatever happens
// in the cache, and keeps its block in memory: hold it no longer than a request
// lasts. It is safe for concurrent use.
//
// Its words are: the header; the two texts of the key, each padded with zeros;
// the payload; the revision; the ID.
type Record[V any] struct { // small enough to be kept in registers
	block   *block[V]
	offset  int32 // where the record begins in the block
	payload int32 // and where its payload does
}

// The header has, from the lowest bit on: 8 flags, 16 bits for the size of the
// record in words, 8 bits each for the sizes of the texts in bytes, and 16 bits
// for the place of the value in its block. Only the flags change.
type header uint64

const (
	flagUsed uint64 = 1 << iota // since the hand last passed it
	flagDead                    // no table leads to it any more
	flagMark                    // the first of the marks
)

// Marks is how many marks a record has room for.
const Marks = 2

const (
	sizeShift   = 8
	firstShift  = sizeShift + 16
	secondShift = firstShift + 8
	valueShift  = secondShift + 8

	// MaxPayload is the most words of a payload: its size fits, and any block
	// has room for the record.
	MaxPayload = 4096

	maxValues = 1 << 16 // of a block: their places fit

	tailWords = 3 // the revision and the ID
)

func newHeader(size, first, second, value int) header {
	return header(size)<<sizeShift | header(first)<<firstShift | header(second)<<secondShift | header(value)<<valueShift
}

func (h header) flags() uint64 { return uint64(h & (1<<sizeShift - 1)) }
func (h header) size() int     { return int(h >> sizeShift & 0xffff) }
func (h header) first() int    { return int(h >> firstShift & 0xff) }
func (h header) second() int   { return int(h >> secondShift & 0xff) }
func (h header) value() int    { return int(h >> valueShift & 0xffff) }

// with returns the header of the same record with another value and flags.
func (h header) with(value int, flags uint64) header {
	return newHeader(h.size(), h.first(), h.second(), value) | header(flags)
}

// keyWords returns how many words the texts take.
func (h header) keyWords() int { return wordsFor(h.first()) + wordsFor(h.second()) }

// NewRecord returns a record that no cache holds: what Put would keep. The key
// must fit, and the payload have at most MaxPayload words.
func NewRecord[V any](k Key, id ID, rev int64, payload []uint64, value *V) Record[V] {
	size := 1 + k.words() + len(payload) + tailWords
	words, values := make([]uint64, size), []*V{value}
	words[0] = uint64(newHeader(size, len(k.First), len(k.Second), 0))
	tail := putText(putText(words[1:], k.First), k.Second)
	tail = tail[copy(tail, payload):]
	tail[0] = uint64(rev)
	tail[1] = binary.LittleEndian.Uint64(id[:8])
	tail[2] = binary.LittleEndian.Uint64(id[8:])
	b := &block[V]{words: words}
	b.values.Store(&values)
	return b.record(0)
}

func (r Record[V]) header() header { return header(atomic.LoadUint64(&r.block.words[r.offset])) }

// size returns how many words the record has.
func (r Record[V]) size() int { return r.header().size() }

// room returns how many words it takes in a block.
func (r Record[V]) room() int { return (r.size() + unit - 1) / unit * unit }

func (r Record[V]) words() []uint64 { return r.block.words[r.offset:][:r.size()] }

// tail returns the words behind the payload.
func (r Record[V]) tail() []uint64 {
	words := r.words()
	return words[len(words)-tailWords:]
}

// IsNone reports whether r is the zero Record.
func (r Record[V]) IsNone() bool { return r.block == nil }

// Payload returns the payload. It must not be changed.
func (r Record[V]) Payload() []uint64 {
	return r.block.words[r.payload : int(r.offset)+r.size()-tailWords]
}

// Value returns the value; nil if r is the zero Record.
func (r Record[V]) Value() *V {
	if r.IsNone() {
		return nil
	}
	return (*r.block.values.Load())[r.header().value()]
}

// Rev returns the revision.
func (r Record[V]) Rev() int64 { return int64(r.tail()[0]) }

// ID returns the ID.
func (r Record[V]) ID() (id ID) {
	tail := r.tail()
	binary.LittleEndian.PutUint64(id[:8], tail[1])
	binary.LittleEndian.PutUint64(id[8:], tail[2])
	return id
}

// Key returns the key.
func (r Record[V]) Key() Key {
	h, words := r.header(), r.words()[1:]
	return Key{First: textOf(words, h.first()), Second: textOf(words[wordsFor(h.first()):], h.second())}
}

// hashKey returns the hash of the key.
func (r Record[V]) hashKey(seed maphash.Seed) uint64 {
	h, words := r.header(), r.words()[1:]
	var first, second [MaxText + wordSize]byte // so that nothing is allocated
	return hashTexts(seed,
		appendText(first[:0], words, h.first()),
		appendText(second[:0], words[wordsFor(h.first()):], h.second()))
}

// KeyBegins reports whether first is the first text of the key.
func (r Record[V]) KeyBegins(first string) bool {
	return r.header().first() == len(first) && isText(r.words()[1:], first)
}

// HasMark reports whether the mark i (below Marks) was set. What is moved
// within the cache keeps its marks, but perhaps for one that is set meanwhile.
func (r Record[V]) HasMark(i int) bool { return r.is(flagMark << i) }

// SetMark sets the mark i: something that was found out about the record and
// will stay true.
func (r Record[V]) SetMark(i int) { r.set(flagMark << i) }

func (r Record[V]) hasKey(k Key) bool {
	h := r.header()
	if h.second() != len(k.Second) || h.first() != len(k.First) {
		return false
	}
	words := r.block.words[r.offset+1:]
	if k.First != "" {
		if !isText(words, k.First) {
			return false
		}
		words = words[wordsFor(len(k.First)):]
	}
	return isText(words, k.Second)
}

// use notes that the record, if it is one, was looked up. It writes only if it
// must: many cores read the same word.
func (r Record[V]) use() {
	if !r.IsNone() && !r.is(flagUsed) {
		r.set(flagUsed)
	}
}

func (r Record[V]) flags() uint64 { return r.header().flags() }

func (r Record[V]) is(flag uint64) bool { return r.flags()&flag != 0 }

func (r Record[V]) set(flag uint64) { atomic.OrUint64(&r.block.words[r.offset], flag) }
