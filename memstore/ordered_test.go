package memstore

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// keysFrom returns all keys from key on.
func keysFrom(o *ordered[int], key int) []int {
	return slices.AppendSeq([]int{}, o.from(key))
}

// FuzzOrdered compares the tree with a sorted slice: each pair of bytes
// is an operation and its key.
func FuzzOrdered(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 0, 1, 1, 1, 1, 1})
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		operations := make([]byte, 1000)
		for i := range operations {
			operations[i] = byte(random.Uint32())
		}
		f.Add(operations)
	}
	f.Fuzz(func(t *testing.T, operations []byte) {
		o := newOrdered(cmp.Compare[int])
		model := []int{}
		for ; len(operations) >= 2; operations = operations[2:] {
			key := int(operations[1])
			place, found := slices.BinarySearch(model, key)
			switch operations[0] % 3 {
			case 0:
				o.insert(key)
				if !found {
					model = slices.Insert(model, place, key)
				}
			case 1:
				o.delete(key)
				if found {
					model = slices.Delete(model, place, place+1)
				}
			case 2:
				require.Equal(t, model[place:], keysFrom(o, key))
			}
		}
		require.Equal(t, model, keysFrom(o, 0))
	})
}

// The tree grows to several levels and shrinks again, with nodes that are full
// enough all the while.
func TestOrderedGrowsAndShrinks(t *testing.T) {
	const n = 20_000
	o := newOrdered(cmp.Compare[int])
	check := func(want []int) {
		t.Helper()
		height := checkNodes(t, o.root, true)
		require.LessOrEqual(t, height, 4)
		require.Equal(t, want, keysFrom(o, 0))
		place := len(want) / 2
		require.Equal(t, want[place:], keysFrom(o, 2*place-1))
	}
	inOrder := make([]int, n)
	for i := range inOrder {
		inOrder[i] = i * 2
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		for _, i := range random.Perm(n) {
			o.insert(inOrder[i])
		}
		check(inOrder)
		for _, i := range random.Perm(n / 2) { // all but those at the beginning
			o.delete(inOrder[n/2+i])
		}
		check(inOrder[:n/2])
		for _, key := range inOrder {
			o.delete(key)
		}
		check([]int{})
	}
}

// checkNodes checks how many keys the nodes below n have, and returns its
// height.
func checkNodes(t *testing.T, n *node[int], isRoot bool) (height int) {
	t.Helper()
	require.LessOrEqual(t, len(n.keys), nodeSize)
	if !isRoot {
		require.GreaterOrEqual(t, len(n.keys), nodeMin)
	}
	if n.isLeaf() {
		return 1
	}
	require.Len(t, n.children, len(n.keys))
	require.Greater(t, len(n.children), 1)
	for i, child := range n.children {
		if i > 0 {
			require.LessOrEqual(t, n.keys[i], child.keys[0], "but for a first child's, which says nothing")
		}
		height = checkNodes(t, child, false)
	}
	return height + 1
}

func TestOrderedFindsWithoutScanning(t *testing.T) {
	const n = 50_000
	comparisons := 0
	o := newOrdered(func(a, b int) int {
		comparisons++
		return cmp.Compare(a, b)
	})
	for _, key := range rand.Perm(n) {
		o.insert(key)
	}
	comparisons = 0
	const lookups = 100
	for range lookups {
		key := rand.IntN(n)
		for found := range o.from(key) {
			require.Equal(t, key, found)
			break
		}
	}
	require.Less(t, comparisons/lookups, 500, "comparisons a lookup, of %d keys", n)
}
