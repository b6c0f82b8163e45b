package memstore

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/regtoken/regtoken/store"
)

const (
	// bucketSize is the most items of different instants that stay together.
	// They are put in order whenever they are asked for, and so must be few.
	bucketSize = 32

	// A period is parted by the next partBits bits of the instant.
	partBits = 4
	parts    = 1 << partBits
)

// calendar holds the items that expire, in buckets by the time at which they
// do. What a call costs depends neither on how many there are nor, by more than
// the height of a tree over the bits of an instant, on how they lie in time. It
// keeps room only for what it holds. The zero calendar is empty. It does no
// locking.
type calendar struct {
	all *period // nil if it is empty
}

// A period is a piece of the calendar: parted, or a bucket. No period is empty,
// and what is parted has two parts at least, so there are never more than
// twice as many periods as items.
type period struct {
	bucket []due // in no order; more than bucketSize only if all are of one instant

	parted *[parts]*period // nil for a bucket
	begin  int64           // of the first part
	shift  uint8           // each part is 1<<shift milliseconds long
}

// due is an item with a copy of its instant at hand.
type due struct {
	at   int64
	item *item
}

// dueAt returns t in milliseconds since MinTime, which is never negative for
// what may be the expiry of a record.
func dueAt(t time.Time) int64 { return t.UnixMilli() - store.MinTime.UnixMilli() }

// set moves an item to where it expires at t; with the zero Time, out of the
// calendar.
func (c *calendar) set(it *item, t time.Time) {
	in := it.bucket != nil
	if in && !t.IsZero() && it.bucket.bucket[it.place].at == dueAt(t) {
		return
	}
	if in {
		c.delete(it)
	}
	if !t.IsZero() {
		c.insert(it, dueAt(t))
	}
}

func (c *calendar) insert(it *item, at int64) {
	place := &c.all
	for {
		p := *place
		switch {
		case p == nil:
			*place = new(period)
		case p.parted != nil && p.covers(at):
			place = p.part(at)
		case p.parted == nil && p.takes(at):
			p.add(due{at, it})
			return
		default:
			*place = p.partedFor(at)
		}
	}
}

// delete removes an item: the last of its bucket takes its place.
func (c *calendar) delete(it *item) {
	p := it.bucket
	last := len(p.bucket) - 1
	gone, moved := p.bucket[it.place], p.bucket[last]
	p.bucket[it.place], p.bucket[last] = moved, due{}
	p.bucket = p.bucket[:last]
	moved.item.place = it.place
	it.bucket, it.place = nil, 0
	switch {
	case last == 0:
		c.drop(gone.at)
	case last < cap(p.bucket)/4:
		p.bucket = slices.Clone(p.bucket)
	}
}

// drop removes the bucket that the instant belongs into. Where one part is left
// beside it, that takes the place of the whole.
func (c *calendar) drop(at int64) {
	var whole **period
	place := &c.all
	for (*place).parted != nil {
		whole, place = place, (*place).part(at)
	}
	*place = nil
	if whole == nil {
		return
	}
	var only *period
	for _, part := range (*whole).parted {
		switch {
		case part == nil:
		case only != nil:
			return
		default:
			only = part
		}
	}
	*whole = only
}

// until returns at most limit items that expire at the instant or before,
// oldest first.
func (c *calendar) until(at int64, limit int) []due {
	if c.all == nil {
		return nil
	}
	return c.all.appendUntil(nil, at, limit)
}

func (p *period) appendUntil(found []due, at int64, limit int) []due {
	if p.parted != nil {
		for i, part := range p.parted {
			if len(found) == limit || p.begin+int64(i)<<p.shift > at {
				break
			}
			if part != nil {
				found = part.appendUntil(found, at, limit)
			}
		}
		return found
	}
	candidates := p.bucket
	if len(candidates) > bucketSize { // all of one instant: there is no order to find
		candidates = candidates[:min(len(candidates), limit-len(found))]
	}
	before := len(found)
	found = slices.Grow(found, len(candidates))
	for _, d := range candidates {
		if d.at > at || len(found) == limit && d.at >= found[limit-1].at {
			continue
		}
		behind, _ := slices.BinarySearchFunc(found[before:], d.at+1, func(d due, at int64) int { return cmp.Compare(d.at, at) })
		found = slices.Insert(found, before+behind, d)
		found = found[:min(len(found), limit)]
	}
	return found
}

func (p *period) covers(at int64) bool { return uint64(at-p.begin)>>p.shift < parts }

// part returns the place of the part with an instant that p covers.
func (p *period) part(at int64) **period { return &p.parted[(at-p.begin)>>p.shift] }

func (p *period) add(d due) {
	d.item.bucket, d.item.place = p, len(p.bucket)
	p.bucket = append(p.bucket, d)
}

// takes reports whether the bucket p has room for an item of this instant.
func (p *period) takes(at int64) bool {
	return len(p.bucket) < bucketSize || p.spread(at) == 0
}

// spread returns the bits in which the instants of the bucket p, and at,
// differ from the first of them.
func (p *period) spread(at int64) (differ int64) {
	first := p.bucket[0].at
	differ = at ^ first
	if len(p.bucket) <= bucketSize {
		for _, d := range p.bucket {
			differ |= d.at ^ first
		}
	}
	return differ
}

// partedFor returns what p holds in the smallest period that covers the
// instant too, which p does not or has no room for.
func (p *period) partedFor(at int64) *period {
	if p.parted != nil {
		whole := newParted(p.begin, at^p.begin)
		*whole.part(p.begin) = p
		return whole
	}
	first := p.bucket[0].at
	whole := newParted(first, p.spread(at))
	if len(p.bucket) > bucketSize { // they stay together, however many they are
		*whole.part(first) = p
		return whole
	}
	for _, d := range p.bucket {
		place := whole.part(d.at)
		if *place == nil {
			*place = new(period)
		}
		(*place).add(d)
	}
	return whole
}

// newParted returns the smallest period that covers an instant and all that
// differ from it in these bits and lower ones.
func newParted(at, differ int64) *period {
	shift := (bits.Len64(uint64(differ)) - 1) / partBits * partBits
	return &period{
		parted: new([parts]*period),
		begin:  at &^ (1<<(shift+partBits) - 1),
		shift:  uint8(shift),
	}
}
