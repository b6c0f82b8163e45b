package pattern

import "testing"

// CollideHashes leaves hashes few values until the test ends.
func CollideHashes(tb testing.TB) {
	one, two := key1, key2
	key1, key2 = 0, 1<<63
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
	const word, half, edge = 8, 4, 16
	return word*(cap(x.filter)+cap(x.grams.filter)) + half*(cap(x.slots)+cap(x.next)) + 3*word*cap(x.nodes) +
		edge*(cap(x.prefixes)+cap(x.suffixes))
}
