package pattern

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What nobody holds takes room only for a while.
func TestInternedForgets(t *testing.T) {
	const round = 10_000
	var in interned[[4]int]
	held := new([4]int)
	require.Same(t, held, in.publish(0, held))
	for i := range uint64(10 * round) {
		in.publish(i+1, new([4]int))
		if i%round == 0 {
			runtime.GC()
		}
	}
	entries := 0
	for i := range in.parts {
		entries += len(in.parts[i].entries)
	}
	require.Less(t, entries, 5*round)
	require.Same(t, held, in.lookup(0))
	require.Same(t, held, in.publish(0, new([4]int)))
	runtime.KeepAlive(held)
}

// Rules are only shared with equal ones, whatever their hash.
func TestSetHolds(t *testing.T) {
	one, err := Compile("one/*")
	require.NoError(t, err)
	other, err := Compile("other/*")
	require.NoError(t, err)
	set := newSet([]Rule{{one, 1}, {other, 2}})
	require.True(t, set.holds([]Rule{{one, 1}, {other, 2}}))
	require.False(t, set.holds([]Rule{{one, 1}}))
	require.False(t, set.holds([]Rule{{one, 1}, {other, 3}}))
	require.False(t, set.holds([]Rule{{other, 1}, {one, 2}}))
}
