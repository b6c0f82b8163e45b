package flat

import (
	"sync/atomic"
	"unsafe"
)

// Get returns the record with the key, the zero Record if there is none.
func (c *Cache[V]) Get(k Key) Record[V] {
	r, _ := c.findKey(k)
	r.use()
	return r
}

// GetByID returns the record with the ID, the zero Record if there is none.
func (c *Cache[V]) GetByID(id ID) Record[V] {
	r, _ := c.findID(id)
	r.use()
	return r
}

// A Get in three steps asks memory for what it needs next and does not wait for
// it, so that its caller can do other work between them: Hash, Begin, End.

// A Hash is that of a key, in the cache that made it.
type Hash uint64

// Hash returns the hash of a key, while the slot it leads to is under way.
func (c *Cache[V]) Hash(k Key) Hash {
	h := k.hash(c.seed)
	c.byKey.Load().prefetch(h)
	return Hash(h)
}

// A Lookup is a search for a key that has begun, while the record is under way.
type Lookup[V any] struct {
	table *table
	at    int // where the first slot with the hash's tag stands
	slot  slot
	block *block[V] // that it leads to, nil if it leads nowhere
}

// Begin begins the search for the key of this hash. What it finds is as of now,
// not as of Hash.
func (c *Cache[V]) Begin(h Hash) Lookup[V] {
	l := Lookup[V]{table: c.byKey.Load()}
	if l.slot, l.at = l.table.seek(uint64(h), l.table.home(uint64(h))); l.slot == 0 {
		return l
	}
	p := l.table.place(l.slot)
	if b := c.blocks.at(p.number()); b != nil && p.offset() < len(b.words) {
		l.block = b
		prefetch(unsafe.Pointer(&b.words[p.offset()]))
	}
	return l
}

// End returns what Get does. The key is the one whose hash Begin was given.
func (c *Cache[V]) End(k Key, l Lookup[V]) Record[V] {
	if l.block != nil && c.leads(&c.byKey, l.table, l.at, l.slot, l.block) {
		if r := l.block.record(l.table.place(l.slot).offset()); r.hasKey(k) {
			r.payload = r.offset + 1 + int32(k.words()) // as it is, but known without waiting for memory
			r.use()
			return r
		}
	}
	return c.Get(k)
}

// leads reports whether a slot that was seen leads to a block that its number was
// found to have: whether it still stands in a table that is still in use, and
// after that the block is in use, too.
//
// Numbers of blocks are used again, by other blocks, so what a number has when it
// is looked up may be older or newer than the slot. A block that was in use before
// and after the slot stood was in use then, and what a slot leads to goes out of
// use only after the slot.
func (c *Cache[V]) leads(current *atomic.Pointer[table], t *table, i int, s slot, b *block[V]) bool {
	return t.at(i) == s && current.Load() == t && !b.unused.Load()
}

func (c *Cache[V]) findKey(k Key) (Record[V], place) {
	t, h := c.byKey.Load(), k.hash(c.seed)
	for i := t.home(h); ; i = t.after(i) {
		var r Record[V]
		var p place
		r, p, t, i = c.candidate(&c.byKey, t, h, i)
		if r.IsNone() || r.hasKey(k) {
			return r, p
		}
	}
}

func (c *Cache[V]) findID(id ID) (Record[V], place) {
	t, h := c.byID.Load(), hashID(c.seed, id)
	for i := t.home(h); ; i = t.after(i) {
		var r Record[V]
		var p place
		r, p, t, i = c.candidate(&c.byID, t, h, i)
		if r.IsNone() || r.ID() == id {
			return r, p
		}
	}
}

// candidate returns the next record in a table whose hash has the tag of this
// one, from i on, and where its slot stands; the zero Record if there is none.
// If the table is changed meanwhile, it begins again with the one that is
// current then.
func (c *Cache[V]) candidate(current *atomic.Pointer[table], t *table, hash uint64, i int) (Record[V], place, *table, int) {
	for {
		var s slot
		s, i = t.seek(hash, i)
		if s == 0 {
			return Record[V]{}, 0, t, i
		}
		p := t.place(s)
		b := c.blocks.at(p.number())
		if b != nil && c.leads(current, t, i, s, b) {
			return b.record(p.offset()), p, t, i
		}
		t = current.Load()
		i = t.home(hash)
	}
}
