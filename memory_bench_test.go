package regtoken_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// BenchmarkMemory is how many bytes a cached token takes, indexes included, as
// the heap grows by it, and what they are for. The tokens belong to a thousand
// teams, and those of a team have the same scopes; or each has scopes of its
// own.
//
//	go test -run '^$' -bench Memory -benchtime 1x . -full
func BenchmarkMemory(b *testing.B) {
	n := 100_000
	if *full {
		n = 1_000_000
	}
	for _, shared := range []bool{true, false} {
		for _, scopes := range []int{1, 3, 20} {
			teams, name := 1000, "shared"
			if !shared {
				teams, name = n, "own"
			}
			if !shared && scopes > 1 {
				continue
			}
			b.Run(fmt.Sprintf("tokens=%d/scopes=%d/%s", n, scopes, name), func(b *testing.B) {
				f := newForge(b, true, teams, teamScopes(scopes)...)
				for range b.N {
					reportMemory(b, f, n)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// teamScopes returns scopes of a team, as teams have them.
func teamScopes(n int) (scopes []regtoken.Scope) {
	for i := range n {
		path := forgedTeam + "/*"
		if i > 0 {
			path = fmt.Sprintf("%s/service-%d/*", forgedTeam, i)
		}
		scopes = append(scopes, regtoken.RepositoryScope(path, regtoken.Pull|regtoken.Push))
	}
	return scopes
}

func reportMemory(b *testing.B, f *forge, n int) {
	before := heapBytes()
	m, err := regtoken.NewManager(f, &regtoken.Options{CacheSize: n})
	require.NoError(b, err)
	logInAll(b, m, f, n)
	total := float64(heapBytes()-before) / float64(n)
	split := regtoken.MemoryOf(m, f.login(0).Name)
	tables, blocks := split.Tables/float64(n), split.Blocks/float64(n)
	b.ReportMetric(total, "B/token")
	b.ReportMetric(split.Digests, "B-digests")
	b.ReportMetric(split.Name, "B-name")
	b.ReportMetric(split.Owner, "B-owner")
	b.ReportMetric(split.Rest, "B-ids-and-times")
	b.ReportMetric(tables, "B-indexes")
	b.ReportMetric(total-tables-blocks, "B-scopes")
	b.ReportMetric(blocks-split.Digests-split.Name-split.Owner-split.Rest, "B-overhead")
	runtime.KeepAlive(m)
}

// heapBytes returns how large the heap is, without garbage.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC() // what weak pointers and cleanups held
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkGC is what the garbage collector does with the cached tokens: CPU
// time and the longest pause of a cycle.
//
//	go test -run '^$' -bench GC -benchtime 1x -timeout 1h . -full
func BenchmarkGC(b *testing.B) {
	for _, n := range tokenCounts() {
		b.Run(fmt.Sprintf("tokens=%d", n), func(b *testing.B) {
			m, _ := filledManager(b, true, n)
			const cycles = 20
			before, stats := gcSeconds(), debug.GCStats{}
			for range cycles {
				runtime.GC()
			}
			debug.ReadGCStats(&stats)
			b.ReportMetric(1e3*(gcSeconds()-before)/cycles, "gc-cpu-ms/cycle")
			b.ReportMetric(float64(slices.Max(stats.Pause[:cycles]).Microseconds()), "max-pause-µs")
			b.ReportMetric(0, "ns/op")
			require.Equal(b, n, m.Stats().CachedTokens)
		})
	}
}

// gcSeconds returns the CPU time that the garbage collector has taken.
func gcSeconds() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}
