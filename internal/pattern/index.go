package pattern

import "math/bits"

// An index proposes the rules of a Set that a name may match. Each rule is
// filed in one place:
//
//   - a literal under its text;
//   - any other under its prefix, the text before its first star;
//   - where more than a few share that, under prefix and suffix;
//   - where more than a few share both, under a gram: four bytes that stand
//     between its stars, of which the set has fewest.
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
	prefixes []uint8 // their lengths, ascending
	grams    grams
}

// few is how many rules in one place are asked each for itself.
const few = 2

// newIndex returns the index of the rules.
func newIndex(rules []rule) *index {
	x := &index{table: newTable(len(rules)), rules: rules, next: make([]uint32, len(rules))}
	x.count()
	var rest []int
	for i := len(rules) - 1; i >= 0; i-- { // so that each node leads through its rules in their order
		r := &rules[i]
		e := &r.ends
		if e.stars == 0 {
			x.file(i, x.add(e.literalHash()))
			continue
		}
		prefix := x.add(e.prefix)
		prefix.actions |= r.actions
		if prefix.shared <= few {
			x.file(i, prefix)
			continue
		}
		both := x.add(e.bothHash())
		if both.shared <= few || e.stars == 1 {
			x.file(i, both)
			continue
		}
		both.actions |= r.actions
		both.grams |= r.actions
		rest = append(rest, i)
	}
	x.fileByGram(rest)
	return x
}

// count finds out how many rules share prefixes, and of those suffixes.
func (x *index) count() {
	var prefixes lengths
	for i := range x.rules {
		if e := &x.rules[i].ends; e.stars == 0 {
			x.literals.add(e.prefixLen)
		} else {
			prefixes.add(e.prefixLen)
			x.add(e.prefix).share()
		}
	}
	for i := range x.rules {
		if e := &x.rules[i].ends; e.stars > 0 {
			if prefix := x.add(e.prefix); prefix.shared > few {
				prefix.lengths |= 1 << (e.suffixLen % 64)
				x.add(e.bothHash()).share()
			}
		}
	}
	x.prefixes = prefixes.list()
}

func (n *node) share() { n.shared = min(n.shared, few) + 1 }

// file puts a rule into a node.
func (x *index) file(place int, n *node) {
	n.actions |= x.rules[place].actions
	x.next[place], n.first = n.first, uint32(place+1)
}

func (x *index) search(q *query) {
	if x.literals.has(len(q.text)) {
		if hash := ^q.prefix(uint8(len(q.text))); x.may(hash) {
			x.ask(q, x.find(hash))
		}
	}
	var grams uint8
	var c chain
	for _, length := range x.prefixes {
		if q.missing == 0 || int(length) > len(q.text) {
			break
		}
		var hash uint32
		if length <= wordSize {
			hash = q.shortPrefix(length)
		} else {
			hash = c.prefix(&q.subject, length)
		}
		if !x.may(hash) {
			continue
		}
		if n := x.find(hash); n.lengths == 0 {
			x.ask(q, n)
		} else if n.actions&q.missing != 0 {
			grams |= x.searchBeside(q, n, len(q.text)-int(length))
		}
	}
	if grams&q.missing != 0 {
		x.searchByGram(q)
	}
}

// searchBeside looks beside a prefix for the suffixes of at most so many
// bytes. It returns what rules that are filed by a gram could give.
func (x *index) searchBeside(q *query, prefix *node, most int) (grams uint8) {
	var c chain
	for round := 0; round <= most; round += 64 {
		for lengths := prefix.lengths; lengths != 0; lengths &= lengths - 1 {
			length := round + bits.TrailingZeros64(lengths)
			if length > most {
				return grams
			}
			var hash uint32
			if length <= wordSize {
				hash = q.shortSuffix(uint8(length))
			} else {
				hash = c.suffix(&q.subject, uint8(length))
			}
			hash = hashBoth(prefix.hash, hash)
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
		q.ask(int(next-1), &x.rules[next-1])
	}
}

// lengths is a set of lengths of texts.
type lengths [(MaxLength + 1) / 64]uint64

func (l *lengths) add(n uint8) { l[n/64] |= 1 << (n % 64) }

func (l *lengths) has(n int) bool { return l[n/64]>>(n%64)&1 == 1 }

// list returns them in ascending order.
func (l *lengths) list() (list []uint8) {
	for n := range MaxLength + 1 {
		if l.has(n) {
			list = append(list, uint8(n))
		}
	}
	return list
}
