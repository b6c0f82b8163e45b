package flat

import "fmt"

const (
	MaxChances   = maxChances
	CompactSteps = compactSteps
)

// Words returns how many words a record takes.
func Words[V any](r Record[V]) int { return r.room() }

// Moved returns how many records f moves or adds.
func Moved[V any](c *Cache[V], f func()) (records int) {
	place := func() (taken int) {
		for _, number := range c.blocks.order {
			for range c.blocks.at(number).records() {
				taken++
			}
		}
		return taken
	}
	before := place()
	f()
	return place() - before
}

// Fault returns what is wrong with the cache, "" if it is sound: each record that
// is alive is in both tables, once, and all is counted right.
func Fault[V any](c *Cache[V]) string {
	alive, dead, words, weight := map[place]bool{}, 0, 0, 0
	for n, number := range c.blocks.order {
		for r := range c.blocks.at(number).records() {
			words += r.room()
			if r.is(flagDead) {
				dead += r.room()
				continue
			}
			if n == 0 && int(r.offset) < c.hand {
				return "one is alive before the hand"
			}
			alive[newPlace(number, int(r.offset))] = true
			weight += c.weigh(r)
		}
	}
	if len(alive) != c.Len() || dead != c.deadWords || words != c.words || weight != c.weight || weight > c.limit {
		return fmt.Sprint(len(alive), " alive, ", dead, " words of ", words, " dead, weight ", weight,
			"; counted were ", c.Len(), ", ", c.deadWords, " of ", c.words, ", ", c.weight, "; the limit is ", c.limit)
	}
	for _, t := range []*table{c.byKey.Load(), c.byID.Load()} {
		led := map[place]bool{}
		for i := range t.slots {
			if s := t.at(i); s != 0 {
				led[t.place(s)] = alive[t.place(s)]
			}
		}
		for p := range alive {
			if !led[p] {
				return "no slot leads to one that is alive"
			}
		}
		if len(led) != len(alive) || t.taken != len(alive) {
			return fmt.Sprint(len(led), " slots lead to ", len(alive), " alive; counted were ", t.taken)
		}
	}
	return ""
}
