package flat

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
