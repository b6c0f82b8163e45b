package pattern

// An index proposes the rules of a Set that a name may match. Each rule is
// filed in one place:
//
//   - a literal under its text;
//   - any other under its prefix, the text before its first star;
//   - where several share that, under prefix and suffix, if it has a suffix;
//   - where several that have text between stars share these, under a gram: a
//     few bytes of that text, those which the set has least often.
//
// So a name is looked up once as a literal, once for each length of prefix
// that the set has, and beside a prefix that several share once for each length
// of their suffixes; all but the first only where the byte beside the star
// fits. Only where that leads to rules filed by grams, all grams of the name are
// looked up.
type index struct {
	table
	rules    []rule
	literals lengths
	prefixes edges
	suffixes edges
	noPrefix uint32 // the place of the node of what begins with a star
	grams    grams
}

// search asks the rules that the name may match. It gives up, and returns
// false, where going through all rules takes no longer.
func (x *index) search(q *query) (done bool) {
	q.lookups = 32 + len(x.rules)/16
	text := q.text
	if x.literals.has(uint8(len(text))) {
		if hash := ^q.prefix(uint8(len(text))); x.may(hash) {
			x.ask(q, x.find(hash))
		}
	}
	if x.noPrefix != 0 {
		x.askFrom(q, x.noPrefix, 0)
	}
	var word, words uint64 // that of the eight, and the hash of those before it
	for i := range x.prefixes {
		e, base := &x.prefixes[i], wordSize*i
		if base >= len(text) {
			break
		}
		if i > 0 {
			words = mix(words, word)
		}
		word = q.word(base)
		if e.gives&q.missing == 0 {
			continue
		}
		for lengths := e.admits(word); lengths != 0; lengths &= lengths - 1 {
			length := base + shortest(lengths)
			if length > len(text) {
				break
			}
			if q.lookups--; q.lookups < 0 {
				return false
			}
			hash := hashEnd(words, uint8(length), word&upTo(lengths))
			if !x.may(hash) {
				continue
			}
			if x.askFrom(q, x.find(hash), length); q.missing == 0 {
				return true
			}
		}
	}
	if q.grams&q.missing != 0 && q.lookups >= 0 {
		x.searchByGram(q)
	}
	return q.lookups >= 0
}

// askFrom asks the rules to be found from the node of a prefix on, which has so
// many bytes.
func (x *index) askFrom(q *query, place uint32, prefixLen int) {
	n := &x.nodes[place]
	switch {
	case n.actions&q.missing == 0:
		return
	case !x.isHead(place):
		x.ask(q, place)
		return
	case n.next != 0:
		x.ask(q, n.next)
	}
	q.askGrams(n.grams, prefixLen)
	if n.suffixes != 0 && q.missing != 0 {
		x.askBeside(q, n, prefixLen)
	}
}

// askBeside asks the rules that are filed by their suffix beside the head of a
// prefix.
func (x *index) askBeside(q *query, head *node, prefixLen int) {
	most := len(q.text) - prefixLen
	var word, words uint64 // that of the eight, and the hash of those behind it
	for i := range x.suffixes {
		e, base := &x.suffixes[i], wordSize*i
		if base >= most {
			return
		}
		if i > 0 {
			words = mix(words, word)
		}
		word = q.wordFromEnd(base)
		if e.gives&q.missing == 0 {
			continue
		}
		for lengths := e.admits(word); lengths != 0; lengths &= lengths - 1 {
			length := base + shortest(lengths)
			if length > most {
				return
			}
			if head.suffixes>>(length%folded)&1 == 0 {
				continue
			}
			if q.lookups--; q.lookups < 0 {
				return
			}
			hash := hashBoth(head.hash, hashEnd(words, uint8(length), word&upTo(lengths)))
			if !x.may(hash) {
				continue
			}
			both := x.find(hash)
			q.askGrams(x.nodes[both].grams, prefixLen)
			if x.ask(q, both); q.missing == 0 {
				return
			}
		}
	}
}

// ask asks the rules of a node.
func (x *index) ask(q *query, place uint32) {
	for ; x.nodes[place].actions&q.missing != 0; place = x.nodes[place].next {
		if x.isHead(place) {
			continue
		}
		if r := &x.rules[place-1]; r.admits(q.text) {
			q.ask(int(place-1), r)
		}
	}
}

func (x *index) isHead(place uint32) bool { return int(place) > len(x.rules) }
