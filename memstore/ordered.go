package memstore

import (
	"iter"
	"slices"
)

// A node holds at most nodeSize keys, as many as are quickly moved aside for one
// more, and but for the root at least nodeMin.
const (
	nodeSize = 64
	nodeMin  = nodeSize / 4
)

// ordered is a set of keys kept in order: a B+ tree. Insert, delete and finding
// a place take logarithmic time; going on from there, constant time a key. It
// does no locking.
type ordered[K any] struct {
	compare func(a, b K) int
	root    *node[K]
}

// A node is a leaf with the keys themselves, or holds for each child a key that
// is not after any of that child's, and after all of the child's before. That
// of the first child says nothing: it holds whatever comes before the second's.
type node[K any] struct {
	keys     []K
	children []*node[K] // nil for a leaf
}

func newOrdered[K any](compare func(a, b K) int) *ordered[K] {
	return &ordered[K]{compare: compare, root: new(node[K])}
}

// from returns the keys from key on, in order. The set must not change
// meanwhile.
func (o *ordered[K]) from(key K) iter.Seq[K] {
	return func(yield func(K) bool) { o.yieldFrom(o.root, key, yield) }
}

func (o *ordered[K]) yieldFrom(n *node[K], key K, yield func(K) bool) bool {
	i, found := o.find(n, key)
	if n.isLeaf() {
		for _, k := range n.keys[i:] {
			if !yield(k) {
				return false
			}
		}
		return true
	}
	for _, child := range n.children[childAt(i, found):] {
		if !o.yieldFrom(child, key, yield) {
			return false
		}
	}
	return true
}

// insert adds key; one that is already there stays as it is.
func (o *ordered[K]) insert(key K) {
	if right := o.insertInto(o.root, key); right != nil {
		left := o.root
		o.root = &node[K]{keys: []K{left.keys[0], right.keys[0]}, children: []*node[K]{left, right}}
	}
}

// insertInto adds key below n, and returns what n.split does.
func (o *ordered[K]) insertInto(n *node[K], key K) (behind *node[K]) {
	i, found := o.find(n, key)
	switch {
	case !n.isLeaf():
		i = childAt(i, found)
		added := o.insertInto(n.children[i], key)
		if added == nil {
			return nil
		}
		n.keys = slices.Insert(n.keys, i+1, added.keys[0])
		n.children = slices.Insert(n.children, i+1, added)
	case found:
		return nil
	default:
		n.keys = slices.Insert(n.keys, i, key)
	}
	return n.split()
}

// delete removes key if it is there.
func (o *ordered[K]) delete(key K) {
	o.deleteFrom(o.root, key)
	if len(o.root.children) == 1 {
		o.root = o.root.children[0]
	}
}

func (o *ordered[K]) deleteFrom(n *node[K], key K) {
	i, found := o.find(n, key)
	switch {
	case !n.isLeaf():
		i = childAt(i, found)
		o.deleteFrom(n.children[i], key)
		if len(n.children[i].keys) < nodeMin {
			n.level(max(i-1, 0))
		}
	case found:
		n.keys = slices.Delete(n.keys, i, i+1)
	}
}

// level joins the child i of n and the one behind it, or shares what is too
// much for one between both.
func (n *node[K]) level(i int) {
	left, right := n.children[i], n.children[i+1]
	if !right.isLeaf() {
		right.keys[0] = n.keys[i+1] // what it was until now says nothing
	}
	left.keys = append(left.keys, right.keys...)
	left.children = append(left.children, right.children...)
	if behind := left.split(); behind != nil {
		n.keys[i+1], n.children[i+1] = behind.keys[0], behind
		return
	}
	n.keys = slices.Delete(n.keys, i+1, i+2)
	n.children = slices.Delete(n.children, i+1, i+2)
}

// split returns the half of n that comes behind, which n no longer holds; nil
// if n is not too large.
func (n *node[K]) split() (behind *node[K]) {
	if len(n.keys) <= nodeSize {
		return nil
	}
	behind = &node[K]{keys: cutHalf(&n.keys)}
	if !n.isLeaf() {
		behind.children = cutHalf(&n.children)
	}
	return behind
}

// cutHalf returns the half of all that comes behind, which all no longer holds.
func cutHalf[E any](all *[]E) []E {
	half := len(*all) / 2
	behind := append(make([]E, 0, nodeSize+1), (*all)[half:]...)
	*all = slices.Delete(*all, half, len(*all))
	return behind
}

func (n *node[K]) isLeaf() bool { return n.children == nil }

// find returns where key is, or would be inserted, among the keys of n.
func (o *ordered[K]) find(n *node[K], key K) (i int, found bool) {
	return slices.BinarySearchFunc(n.keys, key, o.compare)
}

// childAt returns which child a key belongs to that find places at i.
func childAt(i int, found bool) int {
	if found {
		return i
	}
	return max(i-1, 0)
}
