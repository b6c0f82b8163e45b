package flat

import (
	"hash/maphash"
	"sync/atomic"
)

const (
	smallestTable = 64 // slots

	// maxChances is how many used records one eviction passes over before it
	// takes a used one as well: an insert must not go through all records
	// because all of them were used.
	maxChances = 128

	// compactSteps is how many records are moved at most for each that dies,
	// while much of the memory is dead.
	compactSteps = 8
)

// A Cache keeps records, at most so many by weight; those not used lately make
// room for others. Get, GetByID, Len and Evictions may be called by any number
// of goroutines, at any time. Of all other methods, no two may be called at a
// time. Make one with New.
//
// A Get that begins after Put, Remove or Clear has returned sees what it did.
// While one of them is under way a Get may miss a record that stays.
type Cache[V any] struct {
	seed   maphash.Seed
	byKey  atomic.Pointer[table]
	byID   atomic.Pointer[table]
	blocks blocks[V]

	limit, weight    int
	weigh            func(Record[V]) int
	words, deadWords int // in all blocks
	hand             int // the offset in the oldest block behind which records may be alive
	count            atomic.Int64
	evictions        atomic.Uint64
}

// New returns an empty cache for records of this weight in all. weigh returns
// the weight of one, which is at least 1 and never changes.
func New[V any](limit int, weigh func(Record[V]) int) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed(), limit: limit, weigh: weigh}
	c.Clear()
	return c
}

// Len returns how many records there are.
func (c *Cache[V]) Len() int { return int(c.count.Load()) }

// Evictions returns how many records have made room for others.
func (c *Cache[V]) Evictions() uint64 { return c.evictions.Load() }

// Memory is what a cache takes, in bytes. Values are not in it.
type Memory struct {
	Tables  int // the hash tables
	Blocks  int // the blocks of records: those alive, those dead, and free room
	Records int // the records alive
}

// Memory returns what the cache takes.
func (c *Cache[V]) Memory() Memory {
	m := Memory{
		Tables:  (len(c.byKey.Load().slots) + len(c.byID.Load().slots)) * slotSize,
		Records: (c.words - c.deadWords) * wordSize,
	}
	for _, number := range c.blocks.order {
		m.Blocks += len(c.blocks.at(number).words) * wordSize
	}
	return m
}

func (c *Cache[V]) hashKeyAt(p place) uint64 { return c.recordAt(p).hashKey(c.seed) }
func (c *Cache[V]) hashIDAt(p place) uint64  { return hashID(c.seed, c.recordAt(p).ID()) }

func (c *Cache[V]) recordAt(p place) Record[V] { return c.blocks.at(p.number()).record(p.offset()) }

// HasRoom reports whether Put would keep the record and make no other leave for
// want of room. Like Put, it may not be called beside another such method.
func (c *Cache[V]) HasRoom(r Record[V]) bool { return c.weight+c.weigh(r) <= c.limit }

// Put forgets the records with this one's key or ID, and keeps a copy of it,
// unless it weighs more than all may.
func (c *Cache[V]) Put(r Record[V]) {
	k := r.Key()
	old, p := c.findKey(k)
	if !old.IsNone() {
		if old.ID() == r.ID() && c.weight-c.weigh(old)+c.weigh(r) <= c.limit && c.supersede(old, p, r, 0) {
			c.weight += c.weigh(r) - c.weigh(old)
			c.compact()
			return
		}
		c.remove(old, p)
	}
	c.Remove(r.ID())
	if c.weigh(r) > c.limit {
		return
	}
	for c.weight+c.weigh(r) > c.limit {
		c.evict()
	}
	c.makeRoom()
	p, ok := c.add(r, 0)
	if !ok {
		return
	}
	c.byKey.Load().insert(k.hash(c.seed), p)
	c.byID.Load().insert(hashID(c.seed, r.ID()), p)
	c.weight += c.weigh(r)
	c.count.Add(1)
}

// Remove forgets the record with the ID, if there is one.
func (c *Cache[V]) Remove(id ID) {
	if r, p := c.findID(id); !r.IsNone() {
		c.remove(r, p)
	}
}

// Clear forgets all records.
func (c *Cache[V]) Clear() {
	slots := min(smallestTable, c.mostSlots())
	c.byKey.Store(newTable(slots, offsetBits, c.hashKeyAt))
	c.byID.Store(newTable(slots, offsetBits, c.hashIDAt))
	c.blocks.clear() // only now: who has found an old table unchanged may look there
	c.weight, c.words, c.deadWords, c.hand = 0, 0, 0, 0
	c.count.Store(0)
}

// mostSlots returns how large a table may become: its records have a weight of
// 1 at least.
func (c *Cache[V]) mostSlots() int { return slotsFor(c.limit) }

// makeRoom enlarges tables that are too full for another record.
func (c *Cache[V]) makeRoom() {
	if t := c.byKey.Load(); t.isFull() {
		c.rebuild(min(2*len(t.slots), c.mostSlots()))
	}
}

// rebuild makes tables of so many slots, of what is alive in the blocks.
func (c *Cache[V]) rebuild(slots int) {
	placeBits := c.blocks.placeBits()
	byKey := newTable(slots, placeBits, c.hashKeyAt)
	byID := newTable(slots, placeBits, c.hashIDAt)
	for _, number := range c.blocks.order {
		for r := range c.blocks.at(number).records() {
			if !r.is(flagDead) {
				p := newPlace(number, int(r.offset))
				byKey.insert(r.hashKey(c.seed), p)
				byID.insert(hashID(c.seed, r.ID()), p)
			}
		}
	}
	c.byKey.Store(byKey)
	c.byID.Store(byID)
}

// remove forgets a record.
func (c *Cache[V]) remove(r Record[V], p place) {
	c.byKey.Load().remove(r.hashKey(c.seed), p)
	c.byID.Load().remove(hashID(c.seed, r.ID()), p)
	c.weight -= c.weigh(r)
	c.count.Add(-1)
	c.bury(r)
	c.compact()
}

// compact moves some records, while much of the memory is dead.
func (c *Cache[V]) compact() {
	for range compactSteps {
		if c.deadWords <= c.words/2+smallestBlock {
			return
		}
		if r, p := c.oldest(); !r.IsNone() {
			c.supersede(r, p, r, r.flags())
		}
	}
}

// bury notes that no table leads to a record any more.
func (c *Cache[V]) bury(r Record[V]) {
	r.set(flagDead)
	c.deadWords += r.room()
}

// evict forgets the oldest record that was not used since it was put, or since
// it was last passed over.
func (c *Cache[V]) evict() {
	r, p := c.oldest()
	for chances := maxChances; r.is(flagUsed) && chances > 0; chances-- {
		c.supersede(r, p, r, r.flags()&^flagUsed)
		r, p = c.oldest()
	}
	c.remove(r, p)
	c.evictions.Add(1)
}

// oldest returns the record that was put or moved before all others, and takes
// blocks out of use that are behind it.
func (c *Cache[V]) oldest() (Record[V], place) {
	for len(c.blocks.order) > 0 {
		number := c.blocks.order[0]
		b := c.blocks.at(number)
		for c.hand < b.taken {
			r := b.record(c.hand)
			if !r.is(flagDead) {
				return r, newPlace(number, c.hand)
			}
			c.hand += r.room()
		}
		c.blocks.dropOldest()
		c.words -= b.taken
		c.deadWords -= b.taken
		c.hand = 0
	}
	return Record[V]{}, 0
}

// supersede puts a record at the end, if there is room, under these flags. It
// takes the place of an old one with its key and ID, or is that itself.
func (c *Cache[V]) supersede(old Record[V], from place, r Record[V], flags uint64) bool {
	to, ok := c.add(r, flags)
	if !ok {
		return false
	}
	c.byKey.Load().move(old.hashKey(c.seed), from, to)
	c.byID.Load().move(hashID(c.seed, old.ID()), from, to)
	c.bury(old)
	return true
}

// add copies a record to the end; false if there is no room for more blocks.
func (c *Cache[V]) add(r Record[V], flags uint64) (place, bool) {
	b := c.blocks.at(c.blocks.last())
	if b == nil || !b.fits(r) {
		if !c.blocks.hasNumber() {
			return 0, false
		}
		if b != nil {
			b.seal()
		}
		b = newBlock[V](max(r.room(), min(max(smallestBlock, c.words), blockWords)))
		c.blocks.add(b)
		if t := c.byKey.Load(); t.placeBits < c.blocks.placeBits() {
			c.rebuild(len(t.slots))
		}
	}
	c.words += r.room()
	return newPlace(c.blocks.last(), b.add(r, flags)), true
}
