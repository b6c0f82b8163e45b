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
	filter []uint64 // a bit for each that rules are filed by, or for several
}

// bit returns the place of a gram in the filter.
func (g *grams) bit(gram uint64) uint64 { return mix(gram, 0) & uint64(len(g.filter)*64-1) }

func hashGram(gram uint64, size uint8) uint32 { return uint32(mix(gram, uint64(size))) }

// fileByGram files rules, each by the gram of its own that is the rarest among
// them.
func (b *builder) fileByGram(pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	size := uint8(mostGram)
	for _, p := range pieces {
		if longest := b.rules[p.place-1].longest; longest >= leastGram {
			size = min(size, longest)
		}
	}
	log := max(6, bits.Len(uint(16*len(pieces))))
	g := &b.grams
	g.filter = make([]uint64, 1<<(log-6))
	counts := make([]uint16, 1<<log)
	for _, p := range pieces {
		for gram := range b.rules[p.place-1].grams(size) {
			if count := &counts[g.bit(gram)]; *count < 1<<16-1 {
				*count++
			}
		}
	}
	var sizes lengths
	for _, p := range pieces {
		r := &b.rules[p.place-1]
		var rarest uint64
		fewest := uint16(1<<16 - 1)
		for gram := range r.grams(size) {
			if count := counts[g.bit(gram)]; count <= fewest {
				rarest, fewest = gram, count
			}
		}
		size := min(size, r.longest)
		sizes.add(size)
		g.filter[g.bit(rarest)/64] |= 1 << (g.bit(rarest) % 64)
		b.file(hashGram(rarest, size), p.place)
	}
	g.sizes = sizes.list()
}

// searchByGram looks up all grams of the name behind the shortest prefix.
func (x *index) searchByGram(q *query) {
	found := false
	for _, size := range x.grams.sizes {
		for at := x.grams.next(&q.subject, q.from, size); at >= 0; at = x.grams.next(&q.subject, at+1, size) {
			place := x.find(hashGram(q.gram(at, size), size))
			if x.nodes[place].actions&q.missing == 0 || found && strings.Index(q.text[q.from:], q.text[at:at+int(size)]) < at-q.from {
				continue // it gives nothing, or was asked before
			}
			found = true
			if x.ask(q, place); q.missing == 0 {
				return
			}
		}
	}
}

// next returns where the next gram begins that rules may be filed by, from a
// place on; -1 if there is none.
func (g *grams) next(name *subject, i int, size uint8) int {
	text, mask, filter := name.text, masks[size], g.filter
	if len(filter) == 0 || i < 0 {
		return -1
	}
	for ; i+wordSize <= len(text); i++ { // as gram and bit do; this is the inner loop
		bit := mix(load(text, i)&mask, 0)
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
func (s *subject) gram(i int, size uint8) uint64 { return s.word(i) & masks[size] }

// grams yields the grams of a rule that are of the size, or if there are none,
// as long as its longest run.
func (r *rule) grams(size uint8) iter.Seq[uint64] {
	text := r.pattern.String()
	text = text[r.prefixLen : len(text)-int(r.suffixLen)]
	size = min(size, r.longest)
	return func(yield func(uint64) bool) {
		run := uint8(0)
		var last uint64
		for i := range len(text) {
			last = last>>8 | uint64(text[i])<<56
			if run++; text[i] == '*' {
				run = 0
			}
			if run >= size && !yield(last>>(64-8*size)) {
				return
			}
		}
	}
}
