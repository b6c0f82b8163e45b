package pattern

// A builder files the rules of an index.
type builder struct {
	*index
	pieces []piece
}

// A piece is a rule with text between its stars, and the head that it is filed
// under if it is the only one there.
type piece struct{ place, head uint32 }

// several is where node.pieces stops to count.
const several = 2

// newIndex returns the index of the rules.
func newIndex(rules []rule) *index {
	b := builder{index: &index{table: newTable(len(rules)), rules: rules}}
	for i := len(rules) - 1; i >= 0; i-- { // so that each node leads through its rules in their order
		r, place := &rules[i], uint32(i+1)
		b.nodes[place].actions = r.actions
		if r.stars == 0 {
			b.literals.add(r.prefixLen)
			b.file(r.literal(), place)
			continue
		}
		if r.prefixLen > 0 {
			b.prefixes.add(r.prefixLen, r.before, r.actions)
		}
		if r.suffixLen > 0 {
			b.suffixes.add(r.suffixLen, r.behind, r.actions)
		}
		if slot := b.slot(r.prefix); *slot == 0 {
			b.set(slot, r.prefix, place)
		} else {
			b.fileBeside(b.head(r.prefix), place)
		}
	}
	b.fileByGram(b.filePieces())
	b.noPrefix = b.find(new(subject).prefix(0))
	return b.index
}

// file files a rule by the hash, before all that are.
func (b *builder) file(hash, place uint32) {
	slot := b.slot(hash)
	switch {
	case *slot == 0:
		b.set(slot, hash, place)
	case b.isHead(*slot):
		b.push(*slot, place)
	default:
		n, first := &b.nodes[place], &b.nodes[*slot]
		n.hash, n.next, n.actions = hash, *slot, n.actions|first.actions
		*slot = place
	}
}

// push files a rule under a head.
func (b *builder) push(head, place uint32) {
	h, n := &b.nodes[head], &b.nodes[place]
	n.next, n.actions = h.next, b.rules[place-1].actions|b.nodes[h.next].actions
	h.next = place
	h.actions |= n.actions
}

// head returns the head of the hash. If there is none, it makes one of what is
// filed by the hash: a rule that was the only one with its prefix no longer is.
// (Others, whose hashes are equal by chance, come under the head.)
func (b *builder) head(hash uint32) (head uint32) {
	slot := b.slot(hash)
	if b.isHead(*slot) {
		return *slot
	}
	place := *slot
	head = uint32(len(b.nodes))
	b.nodes = append(b.nodes, node{})
	b.set(slot, hash, head)
	for place != 0 {
		n := &b.nodes[place]
		this := place
		place = n.next
		n.next, n.actions = 0, b.rules[this-1].actions
		b.fileBeside(head, this)
	}
	return head
}

// fileBeside files a rule by its suffix beside the head of its prefix, or if it
// has none, right there. Those with text between their stars follow later, when
// it is known how many there are.
func (b *builder) fileBeside(head, place uint32) {
	h, r := &b.nodes[head], &b.rules[place-1]
	h.actions |= r.actions
	if r.suffixLen > 0 {
		h.suffixes |= 1 << (r.suffixLen % folded)
	}
	switch {
	case r.stars > 1:
		if r.suffixLen > 0 {
			head = b.head(r.both())
		}
		h = &b.nodes[head]
		h.pieces = min(h.pieces+1, several)
		b.pieces = append(b.pieces, piece{place, head})
	case r.suffixLen > 0:
		b.file(r.both(), place)
	default:
		b.push(head, place)
	}
}

// filePieces files the rules with text between their stars of which a head has
// one. It returns the others.
func (b *builder) filePieces() (rest []piece) {
	rest = b.pieces[:0]
	for _, p := range b.pieces {
		h := &b.nodes[p.head]
		if h.pieces < several {
			b.push(p.head, p.place)
			continue
		}
		h.grams |= b.rules[p.place-1].actions
		rest = append(rest, p)
	}
	return rest
}
