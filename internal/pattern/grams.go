package pattern

import (
	"iter"
	"math/bits"
	"strings"
)

// gramSize is how many bytes a gram has. Rules whose pieces are all shorter
// have grams as long as their longest piece.
const gramSize = 4

// grams says which grams rules are filed by.
type grams struct {
	sizes  [gramSize + 1]bool
	filter []uint64 // a bit for some of a hash
	shift  int      // from a hash to its bit
}

// gramOf returns the one of the size that ends in the last bytes.
func gramOf(lastBytes uint32, size int) uint32 { return lastBytes & (1<<(8*size) - 1) }

func hashGram(gram uint32, size int) uint32 { return uint32(mix(uint64(gram), uint64(size)<<32)) }

// bit returns the place of the gram in the filter. That asks for no more than
// a multiplication: it is computed for every byte of a name.
func (g *grams) bit(gram uint32) uint32 { return gram * 0x9e3779b1 >> g.shift }

func (g *grams) may(gram uint32) bool {
	bit := g.bit(gram)
	return g.filter[bit/64]>>(bit%64)&1 == 1
}

// fileByGram files rules, each by the gram of its own that is the rarest among
// them.
func (x *index) fileByGram(places []int) {
	if len(places) == 0 {
		return
	}
	log := max(6, bits.Len(uint(16*len(places))))
	g := &x.grams
	g.filter, g.shift = make([]uint64, 1<<(log-6)), 32-log
	counts := make([]uint16, 1<<log)
	for _, place := range places {
		for gram := range x.rules[place].grams() {
			if count := &counts[g.bit(gram)]; *count < 1<<16-1 {
				*count++
			}
		}
	}
	for _, place := range places {
		r := &x.rules[place]
		var rarest uint32
		fewest := -1
		for gram := range r.grams() {
			if count := int(counts[g.bit(gram)]); fewest < 0 || count < fewest {
				rarest, fewest = gram, count
			}
		}
		size := r.gramSize()
		g.sizes[size] = true
		g.filter[g.bit(rarest)/64] |= 1 << (g.bit(rarest) % 64)
		x.file(place, x.add(hashGram(rarest, size)))
	}
}

// searchByGram looks all grams of the name up.
func (x *index) searchByGram(q *query) {
	for size := 1; size <= gramSize; size++ {
		if !x.grams.sizes[size] {
			continue
		}
		text, mask, filter, shift := q.text, uint32(1)<<(8*size)-1, x.grams.filter, x.grams.shift&31
		var last uint32
		for i := range len(text) {
			last = last<<8 | uint32(text[i])
			gram := last & mask
			bit := gram * 0x9e3779b1 >> shift
			if filter[bit/64]>>(bit%64)&1 == 1 && i >= size-1 {
				if x.askByGram(q, gram, size, i+1-size); q.missing == 0 {
					return
				}
			}
		}
	}
}

// askByGram asks the rules of a gram that begins at a place of the name, where
// it stands there for the first time.
func (x *index) askByGram(q *query, gram uint32, size, at int) {
	n := x.find(hashGram(gram, size))
	if n.actions&q.missing != 0 && strings.Index(q.text, q.text[at:at+size]) == at {
		x.ask(q, n)
	}
}

// middle returns what stands from the first star to the last.
func (r *rule) middle() string {
	text := r.pattern.String()
	return text[r.ends.prefixLen : len(text)-int(r.ends.suffixLen)]
}

// gramSize returns how long the grams of a rule are.
func (r *rule) gramSize() (size int) {
	run := 0
	for _, b := range []byte(r.middle()) {
		if run++; b == '*' {
			run = 0
		}
		size = max(size, run)
	}
	return min(size, gramSize)
}

// grams yields the grams between the stars of a rule.
func (r *rule) grams() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		size, run := r.gramSize(), 0
		var last uint32
		for _, b := range []byte(r.middle()) {
			last = last<<8 | uint32(b)
			if run++; b == '*' {
				run = 0
			}
			if run >= size && !yield(gramOf(last, size)) {
				return
			}
		}
	}
}
