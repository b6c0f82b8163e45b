package pattern

import (
	"hash/maphash"
	"maps"
	"sync"
	"weak"
)

// patterns and sets hold what is in use once: tokens that share a pattern
// share the compiled form, and tokens of equal rules the Set.
var (
	patterns = new(interned[Pattern])
	sets     = new(interned[Set])
)

// interned holds values by a hash of their contents, and does not keep them
// alive. The few whose hashes are equal by chance are not all held.
type interned[V any] struct {
	parts [64]part[V] // so that cleaning one up holds up few
}

type part[V any] struct {
	mu      sync.Mutex
	entries map[uint64]weak.Pointer[V]
	limit   int // of entries, from which on those of values that are gone are taken out
}

func (in *interned[V]) part(hash uint64) *part[V] { return &in.parts[hash%uint64(len(in.parts))] }

// lookup returns the value of the hash, or nil.
func (in *interned[V]) lookup(hash uint64) *V {
	p := in.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entries[hash].Value()
}

// publish makes value the one of the hash, or returns the one that another
// goroutine published first.
func (in *interned[V]) publish(hash uint64, value *V) *V {
	p := in.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.entries[hash].Value(); first != nil {
		return first
	}
	if len(p.entries) >= p.limit { // a cleanup of each value would take more memory than the values
		maps.DeleteFunc(p.entries, func(_ uint64, entry weak.Pointer[V]) bool { return entry.Value() == nil })
		p.limit = 2*len(p.entries) + 16
	}
	if p.entries == nil {
		p.entries = make(map[uint64]weak.Pointer[V])
	}
	p.entries[hash] = weak.Make(value)
	return value
}

var hashSeed = maphash.MakeSeed()

// Compile returns the Pattern of text. The error lists what [Check] finds.
func Compile(text string) (*Pattern, error) {
	hash := maphash.String(hashSeed, text)
	if p := patterns.lookup(hash); p != nil && p.String() == text {
		return p, nil
	}
	if faults := Check(text); len(faults) > 0 {
		return nil, faults[0]
	}
	p, err := compile(text)
	if err != nil {
		return nil, err
	}
	if first := patterns.publish(hash, p); first.String() == text {
		return first, nil
	}
	return p, nil
}

// NewSet returns the Set of the rules, in their order; nil for none. Equal
// lists share one Set as long as anybody holds it.
func NewSet(rules []Rule) *Set {
	if len(rules) == 0 {
		return nil
	}
	hash := hashRules(rules)
	if s := sets.lookup(hash); s != nil && s.holds(rules) {
		return s
	}
	s := newSet(rules)
	if first := sets.publish(hash, s); first.holds(rules) {
		return first
	}
	return s
}

func hashRules(rules []Rule) uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for _, r := range rules {
		h.WriteString(r.Pattern.String())
		h.WriteByte(r.Actions)
	}
	return h.Sum64()
}
