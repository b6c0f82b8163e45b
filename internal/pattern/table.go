package pattern

import "math/bits"

// A table finds nodes by a hash, which is all that it knows of their keys.
type table struct {
	filter []uint32 // a bit for some of the hash: few lookups of what is not there go further
	slots  []uint32 // places of nodes, by open addressing; 0 is an empty one
	nodes  []node   // behind an unused one, those of the rules in their order, then those of what several rules share
}

// A node stands for a rule, or is the head of rules: of those that share what
// its hash is of, or whose hashes are equal by chance.
type node struct {
	hash     uint32
	next     uint32 // the place of the next rule's node; 0: none
	suffixes uint32 // of a head by prefix: which lengths of suffixes to look up beside it, modulo folded
	actions  uint8  // what the rules to be found here or from here on give
	grams    uint8  // of a head: what those of them give that are filed by a gram
	pieces   uint8  // while the index is built: how many rules with text between their stars are to be filed under a head
}

// folded is how many lengths have bits of their own in node.suffixes.
const folded = 32

// newTable returns a table with nodes for n rules. No more than two slots for
// each will be taken, for most one.
func newTable(n int) table {
	slots := 1 << bits.Len(uint(5*n/2))
	filter := max(1, slots/8)
	words := make([]uint32, filter+slots)
	return table{filter: words[:filter], slots: words[filter:], nodes: make([]node, n+1, n+4)}
}

// may reports whether there may be a node of the hash.
func (t *table) may(hash uint32) bool {
	return t.filter[int(hash/32)&(len(t.filter)-1)]>>(hash%32)&1 == 1
}

// find returns the place of the hash's node, 0 if there is none.
func (t *table) find(hash uint32) uint32 { return *t.slot(hash) }

// slot returns where the place of the hash's node stands, or would stand.
func (t *table) slot(hash uint32) *uint32 {
	i := int(uint64(hash) * uint64(len(t.slots)) >> 32)
	for {
		if slot := &t.slots[i]; *slot == 0 || t.nodes[*slot].hash == hash {
			return slot
		}
		i = (i + 1) & (len(t.slots) - 1)
	}
}

// set makes slot the place of a hash's node.
func (t *table) set(slot *uint32, hash, place uint32) {
	*slot = place
	t.nodes[place].hash = hash
	t.filter[int(hash/32)&(len(t.filter)-1)] |= 1 << (hash % 32)
}
