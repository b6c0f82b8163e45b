package pattern

import "testing"

// CollideHashes makes hashes of this second key until the test ends: of a poor
// one, they have few values.
func CollideHashes(tb testing.TB, key uint64) {
	one, two := key1, key2
	key1, key2 = 0, key
	forget() // what was made by other keys
	tb.Cleanup(func() {
		key1, key2 = one, two
		forget()
	})
}

// forget leaves nothing to be shared.
func forget() { patterns, sets = new(interned[Pattern]), new(interned[Set]) }

// BuildIndex builds the index of the set, and returns its size in bytes.
func BuildIndex(s *Set) int {
	x := newIndex(s.rules)
	const word, half, node, eight = 8, 4, 16, 32
	return word*cap(x.grams.filter) + half*(len(x.filter)+cap(x.slots)) + node*cap(x.nodes) +
		eight*(cap(x.prefixes)+cap(x.suffixes))
}
