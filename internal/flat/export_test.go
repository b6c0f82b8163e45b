package flat

const (
	MaxChances   = maxChances
	CompactSteps = compactSteps
)

// Words returns the size of a record in words.
func Words[V any](r Record[V]) int { return r.size() }

// Moved returns how many records f moves or adds.
func Moved[V any](c *Cache[V], f func()) (records int) {
	place := func() (taken int) {
		for _, number := range c.blocks.order {
			b := c.blocks.at(number)
			for offset := 0; offset < b.taken; offset += b.record(offset).size() {
				taken++
			}
		}
		return taken
	}
	before := place()
	f()
	return place() - before
}
