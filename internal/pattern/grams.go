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
	shift  uint8    // from a hash to its bit
}

// bit returns the place of a gram in the filter. It takes no more than a
// multiplication: that is done for every byte of a name.
func (g *grams) bit(gram uint64) uint64 { return gram * key2 >> (g.shift % 64) }

func hashGram(gram uint64, size uint8) uint32 { return uint32(mix(gram, uint64(size))) }

// fileByGram files rules, each by the gram of its own that is the rarest among
// them.
func (x *index) fileByGram(places []int) {
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
	g.filter, g.shift = make([]uint64, 1<<(log-6)), uint8(64-log)
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
		x.file(place, x.add(hashGram(rarest, size)))
	}
	for size := range uint8(mostGram + 1) {
		if sizes.has(size) {
			g.sizes = append(g.sizes, size)
		}
	}
}

// searchByGram looks all grams of the name up.
func (x *index) searchByGram(q *query) {
	text, filter, shift := q.text, x.grams.filter, x.grams.shift%64
	found := false
	for _, size := range x.grams.sizes {
		mask := masks[size]
		var last uint64
		for i := range len(text) {
			last = last<<8 | uint64(text[i])
			gram := last & mask
			bit := gram * key2 >> shift
			if filter[bit/64]>>(bit%64)&1 == 0 || i+1 < int(size) {
				continue
			}
			n := x.find(hashGram(gram, size))
			if n.actions&q.missing == 0 || found && strings.Index(text, text[i+1-int(size):i+1]) <= i-int(size) {
				continue // or was asked before
			}
			found = true
			if x.ask(q, n); q.missing == 0 {
				return
			}
		}
	}
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
		size := min(int(size), r.longestPiece())
		run := 0
		var last uint64
		for _, b := range []byte(r.between()) {
			last = last<<8 | uint64(b)
			if run++; b == '*' {
				run = 0
			}
			if run >= size && !yield(last&masks[size]) {
				return
			}
		}
	}
}
