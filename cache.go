package regtoken

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/pattern"
	"github.com/regtoken/regtoken/store"
)

// recordUnit is how many bytes of a record count as one token against
// Options.CacheSize, so that large tokens cannot take more than their share.
const recordUnit = 4 << 10

// A cached token is a record made ready to be judged. It never changes.
type cached struct {
	entry
	rights []right // of Scopes, in their order
	weight int     // in units of recordUnit

	used atomic.Bool // since the hand last passed it
	slot int         // in the cache's ring
}

// A right is a scope made ready. Its actions tell its type: List belongs to
// registry scopes alone, the others to repository scopes.
type right struct {
	path    *pattern.Pattern
	actions Action
}

// newCached makes a record ready. Errors: ErrUnavailable if it cannot be read;
// then only the token's name and expiry are right.
func newCached(r store.Record) (*cached, error) {
	e, err := decodeRecord(r)
	if err != nil {
		return &cached{entry: entry{Token: Token{ID: r.ID, Registry: r.Registry, Name: r.Name, ExpiresAt: r.ExpiresAt}}}, err
	}
	c := &cached{entry: e, rights: make([]right, len(e.Scopes)), weight: 1 + len(r.Data)/recordUnit}
	for i, s := range e.Scopes {
		p, err := pattern.Compile(s.Path)
		if err != nil {
			return c, unavailable(err)
		}
		c.rights[i] = right{p, s.Actions}
	}
	return c, nil
}

// A tokenKey is what a token is looked for by: its registry and name, or its
// ID.
type tokenKey struct {
	registry, name string
	id             uuid.UUID // if name is ""
}

func keyOf(t *Token) tokenKey { return tokenKey{registry: t.Registry, name: t.Name} }

// A cache keeps tokens, at most so many; those not asked for lately make room
// for new ones (the clock algorithm). What it holds may be of any age: who asks
// it knows whether that may be relied on.
//
// Its answers are true only because of fills: a token that was read before a
// change and would be kept after it is not kept at all.
type cache struct {
	limit int // of weight

	mu     sync.RWMutex
	byName map[tokenKey]*cached
	byID   map[uuid.UUID]*cached
	ring   []*cached // the same ones
	hand   int       // the next of ring to go, unless it was used
	weight int       // of all
	fills  map[*fill]struct{}

	evictions atomic.Uint64
}

// A fill is a read of the store whose answer may be kept, from before it is
// made until it is kept.
type fill struct {
	poisoned bool                    // by all that can have happened
	changed  map[uuid.UUID]store.Rev // meanwhile
}

// ownWrite stands for the revision of a write that is not known.
const ownWrite store.Rev = math.MaxInt64

func newCache(limit int) *cache {
	c := &cache{limit: limit, fills: make(map[*fill]struct{})}
	c.drop()
	return c
}

// get returns the token that is kept under the key, nil if there is none.
func (c *cache) get(key tokenKey) *cached {
	c.mu.RLock()
	t := c.byName[key]
	if key.name == "" {
		if t = c.byID[key.id]; t != nil && t.Registry != key.registry {
			t = nil
		}
	}
	c.mu.RUnlock()
	if t != nil && !t.used.Load() {
		t.used.Store(true)
	}
	return t
}

// begin is called before the store is read.
func (c *cache) begin() *fill {
	f := &fill{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fills[f] = struct{}{}
	return f
}

// end keeps the token that was read (nil: none), unless it changed since.
func (c *cache) end(f *fill, t *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fills, f)
	if t == nil || f.poisoned || f.changed[t.ID] > t.rev || t.weight > c.limit {
		return
	}
	c.remove(c.byName[keyOf(&t.Token)]) // also an older state of itself: no token changes its name
	for c.weight+t.weight > c.limit {
		c.makeRoom()
	}
	c.byName[keyOf(&t.Token)], c.byID[t.ID] = t, t
	t.slot = len(c.ring)
	c.ring = append(c.ring, t)
	c.weight += t.weight
}

// makeRoom drops the next token that was not used since the hand last passed.
func (c *cache) makeRoom() {
	for {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		t := c.ring[c.hand]
		if !t.used.Swap(false) {
			c.remove(t)
			c.evictions.Add(1)
			return
		}
		c.hand++
	}
}

// remove forgets a token that is kept, if any.
func (c *cache) remove(t *cached) {
	if t == nil {
		return
	}
	delete(c.byName, keyOf(&t.Token))
	delete(c.byID, t.ID)
	last := len(c.ring) - 1
	c.ring[t.slot] = c.ring[last]
	c.ring[t.slot].slot = t.slot
	c.ring[last] = nil
	c.ring = c.ring[:last]
	c.weight -= t.weight
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
		if t := c.byID[change.ID]; t != nil && t.rev < change.Rev {
			c.remove(t)
		}
		for f := range c.fills {
			if f.changed == nil {
				f.changed = make(map[uuid.UUID]store.Rev)
			}
			f.changed[change.ID] = max(f.changed[change.ID], change.Rev)
		}
	}
}

// clear forgets everything, what is being read included.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.fills {
		f.poisoned = true
	}
	c.drop()
}

func (c *cache) drop() {
	c.byName, c.byID = make(map[tokenKey]*cached), make(map[uuid.UUID]*cached)
	c.ring, c.hand, c.weight = nil, 0, 0
}

// len returns how many tokens are kept.
func (c *cache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.ring)
}
