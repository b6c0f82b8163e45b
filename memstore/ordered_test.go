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
