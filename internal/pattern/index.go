package pattern

import "math/bits"

// An index proposes the rules of a Set that a name may match. Each rule is
// filed in one place:
//
//   - a literal under its text;
//   - any other under its prefix, the text before its first star;
//   - where several share that, under prefix and suffix;
//   - where several share both, under a gram: a few bytes that stand between
//     its stars, those which the set has least often.
//
// So a name is looked up once as a literal, once for each length of prefix
// that the set has, and beside a prefix that is found once for each length of
// its suffixes. Only where that leads to rules filed by grams, all grams of
// the name are looked up.
type index struct {
	table
	rules    []rule
	next     []uint32 // beside each rule: the place of the next in the same node, plus one; 0: none
	literals lengths
	prefixes []edge // in ascending order
	suffixes []edge
	grams    grams
}

// newIndex returns the index of the rules.
func newIndex(rules []rule) *index {
	x := &index{table: newTable(len(rules)), rules: rules, next: make([]uint32, len(rules))}
	x.fileByGram(x.fileBySuffix(x.fileLiterals()))
	return x
}

// fileLiterals files literals, and counts who shares a prefix among the others.
// It returns these, the last one first, so that each node will lead through its
// rules in their order; beside them stand the places of their prefixes' nodes.
func (x *index) fileLiterals() (others []uint32) {
	others = make([]uint32, 0, len(x.rules))
	var prefixes, suffixes edges
	for i := len(x.rules) - 1; i >= 0; i-- {
		r := &x.rules[i]
		if r.stars == 0 {
			x.literals.add(r.prefixLen)
			x.file(i, &x.nodes[x.add(r.literal())])
			continue
		}
		prefixes.add(r.prefixLen, r.before, r.actions)
		suffixes.add(r.suffixLen, r.behind, r.actions)
		x.next[i] = x.add(r.prefix)
		x.nodes[x.next[i]].share()
		others = append(others, uint32(i))
	}
	x.prefixes, x.suffixes = prefixes.list(), suffixes.list()
	for i := range x.nodes {
		x.nodes[i].split = x.nodes[i].shared == several
	}
	return others
}

// fileBySuffix files rules by their prefix, and where several share that, by
// their suffix too. It returns those of which several share both.
func (x *index) fileBySuffix(rules []uint32) []uint32 {
	var places [MaxLength + 1]uint8
	for i, e := range x.suffixes {
		places[e.length] = uint8(i)
	}
	split := rules[:0]
	for _, i := range rules {
		r, prefix := &x.rules[i], &x.nodes[x.next[i]]
		prefix.actions |= r.actions
		if !prefix.split {
			x.file(int(i), prefix)
			continue
		}
		prefix.suffixes |= 1 << (places[r.suffixLen] % 64)
		x.next[i] = x.add(r.both())
		x.nodes[x.next[i]].share()
		split = append(split, i)
	}
	rest := split[:0]
	for _, i := range split {
		r, both := &x.rules[i], &x.nodes[x.next[i]]
		if both.shared < several || r.stars == 1 { // of those with one star, only equal ones share both
			x.file(int(i), both)
			continue
		}
		both.grams |= r.actions
		rest = append(rest, i)
	}
	return rest
}

// several is where node.shared stops to count.
const several = 2

func (n *node) share() { n.shared = min(n.shared+1, several) }

// file puts a rule into a node.
func (x *index) file(place int, n *node) {
	n.actions |= x.rules[place].actions
	x.next[place], n.first = n.first, uint32(place+1)
}

// search asks the rules that the name may match. It gives up, and returns
// false, where going through all rules takes no longer.
func (x *index) search(q *query) (done bool) {
	q.lookups = 32 + len(x.rules)/16
	if x.literals.has(uint8(len(q.text))) {
		if hash := ^q.prefix(uint8(len(q.text))); x.may(hash) {
			x.ask(q, x.find(hash))
		}
	}
	var grams uint8 // what rules that are filed by a gram could give
	var from int    // where their grams may begin: behind the shortest prefix
	var c chain
	text := q.text
	for i := range x.prefixes {
		e := &x.prefixes[i]
		if int(e.last) >= len(text) || q.missing == 0 {
			break
		}
		if e.actions&q.missing == 0 || !e.admits(text[e.last]) {
			continue
		}
		if q.lookups--; q.lookups < 0 {
			return false
		}
		hash := c.prefix(&q.subject, e.length)
		if !x.may(hash) {
			continue
		}
		n := x.find(hash)
		if !n.split {
			x.ask(q, n)
		} else if n.actions&q.missing != 0 {
			if grams == 0 {
				from = int(e.length)
			}
			grams |= x.searchBeside(q, n, len(text)-int(e.length))
		}
	}
	if grams&q.missing != 0 && q.lookups >= 0 {
		x.searchByGram(q, from)
	}
	return q.lookups >= 0
}

// searchBeside looks beside a prefix for the suffixes of at most so many
// bytes. It returns what rules that are filed by a gram could give.
func (x *index) searchBeside(q *query, prefix *node, most int) (grams uint8) {
	var c chain
	for round := 0; round < len(x.suffixes); round += 64 {
		for places := prefix.suffixes; places != 0; places &= places - 1 {
			place := round + bits.TrailingZeros64(places)
			if place >= len(x.suffixes) || int(x.suffixes[place].length) > most {
				return grams
			}
			e := &x.suffixes[place]
			if e.actions&q.missing == 0 || !e.admits(q.text[len(q.text)-1-int(e.last)]) {
				continue
			}
			if q.lookups--; q.lookups < 0 {
				return grams
			}
			hash := hashBoth(prefix.hash, c.suffix(&q.subject, e.length))
			if !x.may(hash) {
				continue
			}
			n := x.find(hash)
			grams |= n.grams
			if x.ask(q, n); q.missing == 0 {
				return 0
			}
		}
	}
	return grams
}

// ask asks the rules of a node.
func (x *index) ask(q *query, n *node) {
	if n.actions&q.missing == 0 {
		return
	}
	for next := n.first; next != 0 && q.missing != 0; next = x.next[next-1] {
		if r := &x.rules[next-1]; r.admits(q.text) {
			q.ask(int(next-1), r)
		}
	}
}
