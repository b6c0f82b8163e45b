package regtoken

import (
	"math"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/flat"
	"github.com/regtoken/regtoken/internal/pattern"
	"github.com/regtoken/regtoken/store"
)

// recordUnit is how many bytes of a record count as one token against
// Options.CacheSize, so that large tokens cannot take more than their share.
const recordUnit = 4 << 10

// A cache keeps tokens, at most so many; those not asked for lately make room
// for new ones. What it holds may be of any age: who asks it knows whether that
// may be relied on. It is asked without a lock.
//
// Its answers are true only because of fills: a token that was read before a
// change and would be kept after it is not kept at all.
type cache struct {
	limit  int // of weight
	tokens *flat.Cache[pattern.Set]

	mu     sync.Mutex // held by who changes tokens or fills
	fills  map[*fill]struct{}
	writes map[uuid.UUID][]*fill // of the token, since there may be very many
}

// A fill is a read of the store whose answer may be kept, or a write of what may
// be, from before it is made until it is kept.
type fill struct {
	poisoned bool                    // by all that can have happened
	changed  map[uuid.UUID]store.Rev // meanwhile
}

func (f *fill) note(change store.Change) {
	if f.changed == nil {
		f.changed = make(map[uuid.UUID]store.Rev)
	}
	f.changed[change.ID] = max(f.changed[change.ID], change.Rev)
}

// ownWrite stands for the revision of a write that is not known.
const ownWrite store.Rev = math.MaxInt64

func newCache(limit int) *cache {
	weigh := func(r flat.Record[pattern.Set]) int { return snapshot{r}.head().weight }
	return &cache{
		limit:  limit,
		tokens: flat.New(max(0, limit), weigh),
		fills:  make(map[*fill]struct{}),
		writes: make(map[uuid.UUID][]*fill),
	}
}

// getByID returns the token that is kept, the zero snapshot if there is none.
func (c *cache) getByID(id uuid.UUID) snapshot { return snapshot{c.tokens.GetByID(flat.ID(id))} }

// begin is called before the store is read.
func (c *cache) begin() *fill {
	f := &fill{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fills[f] = struct{}{}
	return f
}

// beginWrite is called before the token is written.
func (c *cache) beginWrite(id uuid.UUID) *fill {
	f := &fill{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes[id] = append(c.writes[id], f)
	return f
}

// end keeps the token that was read (if any), unless it changed since.
func (c *cache) end(f *fill, t snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fills, f)
	c.keep(f, t)
}

func (c *cache) keep(f *fill, t snapshot) {
	if t.IsNone() || f.poisoned || f.changed[uuid.UUID(t.ID())] > store.Rev(t.Rev()) {
		return
	}
	c.tokens.Put(t.Record)
}

// wrote is changed for a write of this process' own, whatever came of it, and
// end for its fill, if there is one. But no other token makes room for what was
// written: nobody has asked for it yet.
func (c *cache) wrote(id uuid.UUID, f *fill, t snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if writes := slices.DeleteFunc(c.writes[id], func(w *fill) bool { return w == f }); len(writes) > 0 {
		c.writes[id] = writes
	} else {
		delete(c.writes, id)
	}
	c.note(store.Change{ID: id, Rev: ownWrite})
	if f != nil && !t.IsNone() && c.tokens.HasRoom(t.Record) {
		c.keep(f, t)
	}
}

// changed forgets tokens that changed, and keeps what is being read from
// coming back if it is older.
func (c *cache) changed(changes ...store.Change) {
	if len(changes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes {
		c.note(change)
	}
}

// note is changed for one, with the lock held.
func (c *cache) note(change store.Change) {
	if t := c.getByID(change.ID); !t.IsNone() && store.Rev(t.Rev()) < change.Rev {
		c.tokens.Remove(flat.ID(change.ID))
	}
	for f := range c.fills {
		f.note(change)
	}
	for _, f := range c.writes[change.ID] {
		f.note(change)
	}
}

// clear forgets everything, what is being read included.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.fills {
		f.poisoned = true
	}
	for _, writes := range c.writes {
		for _, f := range writes {
			f.poisoned = true
		}
	}
	c.tokens.Clear()
}

// bytes returns how much memory the tokens take.
func (c *cache) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.tokens.Memory()
	return m.Tables + m.Blocks
}
