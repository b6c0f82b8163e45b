package pattern

import "math/bits"

// An index proposes the rules of a Set that a name may match. Each rule is
// filed in one place:
//
//   - a literal under its text;
//   - any other under its prefix, the text before its first star;
//   - where more than a few share that, under prefix and suffix;
//   - where more than a few share both, under a gram: a few bytes that stand
//     between its stars, those which the set has least often.
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
	suffixes []edge // of prefixes that more than a few share
	grams    grams
}

// few is how many rules in one place are asked each for itself.
const few = 1

// newIndex returns the index of the rules.
func newIndex(rules []rule) *index {
	x := &index{table: newTable(len(rules)), rules: rules, next: make([]uint32, len(rules))}
	places := x.count()
	var rest []int
	for i := len(rules) - 1; i >= 0; i-- { // so that each node leads through its rules in their order
		r := &rules[i]
		if r.stars == 0 {
			x.file(i, x.add(r.literal()))
			continue
		}
		prefix := x.add(r.prefix)
		prefix.actions |= r.actions
		if prefix.shared <= few {
			x.file(i, prefix)
			continue
		}
		prefix.suffixes |= 1 << (places[r.suffixLen] % 64)
		both := x.add(r.both())
		if both.shared <= few || r.stars == 1 {
			x.file(i, both)
			continue
		}
		both.grams |= r.actions
		rest = append(rest, i)
	}
	x.fileByGram(rest)
	return x
}

// count finds out how many rules share a prefix, and of those a suffix, and
// which lengths they have. It returns where suffixes lists each length.
func (x *index) count() (places [MaxLength + 1]uint8) {
	var prefixes, suffixes edges
	for i := range x.rules {
		if r := &x.rules[i]; r.stars == 0 {
			x.literals.add(r.prefixLen)
		} else {
			prefixes.add(r.prefixLen, r.before)
			x.add(r.prefix).share()
		}
	}
	for i := range x.rules {
		if r := &x.rules[i]; r.stars > 0 && x.add(r.prefix).shared > few {
			suffixes.add(r.suffixLen, r.behind)
			x.add(r.both()).share()
		}
	}
	x.prefixes, x.suffixes = prefixes.list(), suffixes.list()
	for i, e := range x.suffixes {
		places[e.length] = uint8(i)
	}
	return places
}

func (n *node) share() { n.shared = min(n.shared, few) + 1 }

// file puts a rule into a node.
func (x *index) file(place int, n *node) {
	n.actions |= x.rules[place].actions
	x.next[place], n.first = n.first, uint32(place+1)
}

func (x *index) search(q *query) {
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
		if int(e.at) >= len(text) || q.missing == 0 {
			break
		}
		if e.beside>>(text[e.at]%64)&1 == 0 {
			continue
		}
		var hash uint32
		if e.length <= wordSize {
			hash = q.shortPrefix(e.length)
		} else {
			hash = c.prefix(&q.subject, e.length)
		}
		if !x.may(hash) {
			continue
		}
		if n := x.find(hash); n.suffixes == 0 {
			x.ask(q, n)
		} else if n.actions&q.missing != 0 {
			if grams == 0 {
				from = int(e.length)
			}
			grams |= x.searchBeside(q, n, len(q.text)-int(e.length))
		}
	}
	if grams&q.missing != 0 {
		x.searchByGram(q, from)
	}
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
			if !e.admits(q.text[min(len(q.text)-int(e.length), len(q.text)-1)]) {
				continue
			}
			var hash uint32
			if e.length <= wordSize {
				hash = q.shortSuffix(e.length)
			} else {
				hash = c.suffix(&q.subject, e.length)
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
		if r := &x.rules[next-1]; r.admits(q.text) {
			q.ask(int(next-1), r)
		}
	}
}
