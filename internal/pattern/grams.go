package pattern

import (
	"iter"
	"math/bits"
	"strings"
)

// The grams of a pattern are all runs of so many bytes between its stars, those
// of a name all that it holds.
const (
	leastGram = 4
	mostGram  = wordSize
)

// grams says which grams rules are filed by. They are of one size, but for
// those of rules that have nothing so long between their stars.
type grams struct {
	sizes  []uint8
	filter []uint64 // a bit for some of a hash
}

// bit returns the place of a gram in the filter. It takes no more than a
// multiplication: that is done for every byte of a name.
func (g *grams) bit(gram uint64) uint64 { return gram * key2 >> 32 & uint64(len(g.filter)*64-1) }

func hashGram(gram uint64, size uint8) uint32 { return uint32(mix(gram, uint64(size))) }

// fileByGram files rules, each by the gram of its own that is the rarest among
// them.
func (x *index) fileByGram(places []uint32) {
	if len(places) == 0 {
		return
	}
	size := uint8(mostGram)
	for _, place := range places {
		if longest := x.rules[place].longestPiece(); longest >= leastGram {
			size = min(size, uint8(longest))
		}
	}
	log := max(6, bits.Len(uint(16*len(places))))
	g := &x.grams
	g.filter = make([]uint64, 1<<(log-6))
	counts := make([]uint16, 1<<log)
	for _, place := range places {
		for gram := range x.rules[place].grams(size) {
			if count := &counts[g.bit(gram)]; *count < 1<<16-1 {
				*count++
			}
		}
	}
	var sizes lengths
	for _, place := range places {
		r := &x.rules[place]
		var rarest uint64
		fewest := -1
		for gram := range r.grams(size) {
			if count := int(counts[g.bit(gram)]); fewest < 0 || count < fewest {
				rarest, fewest = gram, count
			}
		}
		size := min(size, uint8(r.longestPiece()))
		sizes.add(size)
		g.filter[g.bit(rarest)/64] |= 1 << (g.bit(rarest) % 64)
		x.file(int(place), &x.nodes[x.add(hashGram(rarest, size))])
	}
	for size := range uint8(mostGram + 1) {
		if sizes.has(size) {
			g.sizes = append(g.sizes, size)
		}
	}
}

// searchByGram looks up all grams of the name, from a place on.
func (x *index) searchByGram(q *query, from int) {
	found := false
	for _, size := range x.grams.sizes {
		for at := x.grams.next(&q.subject, from, size); at >= 0; at = x.grams.next(&q.subject, at+1, size) {
			n := x.find(hashGram(q.gram(at, size), size))
			if n.actions&q.missing == 0 || found && strings.Index(q.text[from:], q.text[at:at+int(size)]) < at-from {
				continue // it gives nothing, or was asked before
			}
			found = true
			if x.ask(q, n); q.missing == 0 {
				return
			}
		}
	}
}

// next returns where the next gram begins that rules may be filed by, from a
// place on; -1 if there is none.
func (g *grams) next(name *subject, from int, size uint8) int {
	text, key, mask, filter := name.text, key2, masks[size], g.filter
	if len(filter) == 0 || from < 0 {
		return -1
	}
	i := from
	for ; i+wordSize <= len(text); i++ { // as gram and bit do; this is the inner loop
		bit := load(text, i) & mask * key >> 32
		if filter[bit/64&uint64(len(filter)-1)]>>(bit%64)&1 == 1 {
			return i
		}
	}
	for ; i+int(size) <= len(text); i++ {
		bit := g.bit(name.gram(i, size))
		if filter[bit/64]>>(bit%64)&1 == 1 {
			return i
		}
	}
	return -1
}

// gram returns the one of the size that begins at place i.
func (s *subject) gram(i int, size uint8) uint64 {
	if i+wordSize <= len(s.text) {
		return load(s.text, i) & masks[size]
	}
	return s.last >> (8 * (i + wordSize - len(s.text))) & masks[size]
}

// between returns what stands from the first star to the last.
func (r *rule) between() string {
	text := r.pattern.String()
	return text[r.prefixLen : len(text)-int(r.suffixLen)]
}

// longestPiece returns how many bytes the longest piece between the stars has.
func (r *rule) longestPiece() (longest int) {
	run := 0
	for _, b := range []byte(r.between()) {
		if run++; b == '*' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// grams yields the grams of a rule that are of the size, or if there are none,
// as long as its longest piece.
func (r *rule) grams(size uint8) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var between subject
		between.read(r.between())
		size := min(int(size), r.longestPiece())
		run := 0
		for i := range len(between.text) {
			if run++; between.text[i] == '*' {
				run = 0
			}
			if run >= size && !yield(between.gram(i+1-size, uint8(size))) {
				return
			}
		}
	}
}
