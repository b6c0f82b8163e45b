package pattern

import (
	"hash/maphash"
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

// What has the hash of another by chance is not taken for it.
func TestInternedCompares(t *testing.T) {
	other, err := compile("other/*")
	require.NoError(t, err)
	patterns.publish(maphash.String(hashSeed, "one/*"), other)
	one, err := Compile("one/*")
	require.NoError(t, err)
	require.Equal(t, "one/*", one.String())

	rules := []Rule{{one, 1}, {other, 2}}
	for _, others := range [][]Rule{{{one, 1}}, {{one, 1}, {other, 3}}, {{other, 1}, {one, 2}}} {
		set := sets.publish(hashRules(rules), newSet(others))
		require.NotSame(t, set, NewSet(rules))
		require.Equal(t, rules[1], NewSet(rules).Rule(1))
		runtime.KeepAlive(set)
		forget()
	}
	runtime.KeepAlive(other)
}
