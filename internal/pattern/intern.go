package pattern

import (
	"hash/maphash"
	"runtime"
	"sync"
	"weak"
)

// patterns and sets hold what is in use once: tokens that share a pattern
// share the compiled form, and tokens of equal rules the Set.
var (
	patterns interned[string, Pattern] // by text
	sets     interned[uint64, Set]     // by hash: who finds one compares
)

// interned holds values by key, and does not keep them alive.
type interned[K comparable, V any] struct {
	entries sync.Map // K -> weak.Pointer[V]
}

func (in *interned[K, V]) lookup(key K) *V {
	if v, ok := in.entries.Load(key); ok {
		return v.(weak.Pointer[V]).Value()
	}
	return nil
}

// publish makes value the one under the key, or returns the one that another
// goroutine published first.
func (in *interned[K, V]) publish(key K, value *V) *V {
	entry := weak.Make(value)
	for {
		v, taken := in.entries.LoadOrStore(key, entry)
		if !taken {
			break
		}
		if first := v.(weak.Pointer[V]).Value(); first != nil {
			return first
		}
		if in.entries.CompareAndSwap(key, v, entry) {
			break
		}
	}
	runtime.AddCleanup(value, func(key K) { in.entries.CompareAndDelete(key, entry) }, key)
	return value
}

// Compile returns the Pattern of text. The error lists what [Check] finds.
func Compile(text string) (*Pattern, error) {
	if p := patterns.lookup(text); p != nil {
		return p, nil
	}
	if faults := Check(text); len(faults) > 0 {
		return nil, faults[0]
	}
	p, err := compile(text)
	if err != nil {
		return nil, err
	}
	return patterns.publish(text, p), nil
}

var hashSeed = maphash.MakeSeed()

// hashRules returns the hash of a list's contents. Patterns are interned, so
// equal text is what makes them one.
func hashRules(rules []Rule) uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for _, r := range rules {
		h.WriteString(r.Pattern.String())
		h.WriteByte(r.Actions)
	}
	return h.Sum64()
}
