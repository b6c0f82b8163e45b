package memstore

import (
	"math/bits"
	"math/rand/v2"
)

// maxLevel suits 4^16 keys: one key in four rises a level.
const maxLevel = 16

// ordered is a set of keys kept in order: a skip list. Insert, delete and
// finding a place take logarithmic time on average; going on from there,
// constant time a key. It does no locking.
type ordered[K any] struct {
	compare func(a, b K) int
	first   node[K] // holds no key
	levels  int     // in use
}

type node[K any] struct {
	key  K
	next []*node[K] // one for each level the node stands on
}

func newOrdered[K any](compare func(a, b K) int) *ordered[K] {
	return &ordered[K]{
		compare: compare,
		first:   node[K]{next: make([]*node[K], maxLevel)},
		levels:  1,
	}
}

// following returns the node after n, nil if n is the last.
func (n *node[K]) following() *node[K] { return n.next[0] }

// ceil returns the first node whose key is key or comes after it, nil if
// there is none.
func (o *ordered[K]) ceil(key K) *node[K] {
	return o.path(key)[0].following()
}

// insert adds key; one that is already there stays as it is.
func (o *ordered[K]) insert(key K) {
	before := o.path(key)
	if n := before[0].following(); n != nil && o.compare(n.key, key) == 0 {
		return
	}
	height := min(1+bits.TrailingZeros64(rand.Uint64())/2, maxLevel)
	o.levels = max(o.levels, height)
	added := &node[K]{key: key, next: make([]*node[K], height)}
	for level := range height {
		added.next[level] = before[level].next[level]
		before[level].next[level] = added
	}
}

// delete removes key if it is there.
func (o *ordered[K]) delete(key K) {
	before := o.path(key)
	gone := before[0].following()
	if gone == nil || o.compare(gone.key, key) != 0 {
		return
	}
	for level, next := range gone.next {
		before[level].next[level] = next
	}
}

// path returns, for each level, the last node whose key comes before key.
func (o *ordered[K]) path(key K) (before [maxLevel]*node[K]) {
	n := &o.first
	for level := o.levels; level < maxLevel; level++ {
		before[level] = n
	}
	for level := o.levels - 1; level >= 0; level-- {
		for next := n.next[level]; next != nil && o.compare(next.key, key) < 0; next = n.next[level] {
			n = next
		}
		before[level] = n
	}
	return before
}
