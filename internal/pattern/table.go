package pattern

import "math/bits"

// A table holds nodes by a hash, which is all that it knows of their keys.
type table struct {
	filter []uint64 // a bit for some of the hash: few lookups of what is not there go further
	slots  []uint32 // places in nodes, by open addressing; 0 is an empty one
	nodes  []node   // the first leads nowhere
}

// A node is where rules are filed; those of hashes that are equal by chance
// share one.
type node struct {
	hash     uint32
	first    uint32 // the place of one of the rules, plus one; the index knows the next. 0: none
	suffixes uint64 // of a prefix that is split: which of the index's suffixes to look up beside it, modulo 64
	split    bool   // rules with this prefix are filed by their suffixes too
	actions  uint8  // what the rules to be found here or from here on give
	grams    uint8  // of prefix and suffix: what those give that are filed by a gram
	shared   uint8  // while the index is built: how many rules share it
}

// newTable returns a table for the nodes of n rules.
func newTable(n int) table {
	slots := 1 << bits.Len(uint(3*n))
	return table{filter: make([]uint64, max(1, slots/16)), slots: make([]uint32, slots), nodes: make([]node, 1, n+2)}
}

// may reports whether there may be a node of the hash.
func (t *table) may(hash uint32) bool {
	return t.filter[int(hash/64)&(len(t.filter)-1)]>>(hash%64)&1 == 1
}

// find returns the node of the hash; if there is none, the one that leads
// nowhere.
func (t *table) find(hash uint32) *node { return &t.nodes[t.slots[t.slot(hash)]] }

// add returns the place of the hash's node, of a new one if there is none.
func (t *table) add(hash uint32) uint32 {
	slot := &t.slots[t.slot(hash)]
	if *slot == 0 {
		*slot = uint32(len(t.nodes))
		t.nodes = append(t.nodes, node{hash: hash})
		t.filter[int(hash/64)&(len(t.filter)-1)] |= 1 << (hash % 64)
	}
	return *slot
}

// slot returns where the node of the hash is, or would be.
func (t *table) slot(hash uint32) int {
	i := int(uint64(hash) * uint64(len(t.slots)) >> 32)
	for {
		if place := t.slots[i]; place == 0 || t.nodes[place].hash == hash {
			return i
		}
		i = (i + 1) & (len(t.slots) - 1)
	}
}
