package memstore

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Full is for the benchmarks of both packages.
var Full = flag.Bool("full", false, "benchmarks: also 1 million and 10 million records (10 GiB of memory)")

// Sizes returns how many records benchmarks are of.
func Sizes() []int {
	sizes := []int{10_000, 100_000}
	if *Full {
		sizes = append(sizes, 1_000_000, 10_000_000)
	}
	return sizes
}

// BenchmarkCalendar is the calendar alone: what an insert, a delete, and a sweep
// cost for each of 1,000 items at a time, among n more that expire all over a
// year, or all at one instant. All sizes:
//
//	go test ./memstore -run '^$' -bench Calendar -timeout 1h -full
func BenchmarkCalendar(b *testing.B) {
	const year = 365 * 24 * 3600 * 1000
	for _, n := range Sizes() {
		for name, instant := range map[string]func() int64{
			"year":    func() int64 { return 1<<45 + rand.Int64N(year) },
			"instant": func() int64 { return 1 << 45 },
		} {
			b.Run(fmt.Sprintf("n=%d/%s", n, name), func(b *testing.B) { benchmarkCalendar(b, n, instant) })
		}
	}
}

func benchmarkCalendar(b *testing.B, n int, instant func() int64) {
	const batch = 1000
	c := new(calendar)
	items := make([]item, n+batch)
	for i := range items {
		c.set(&items[i], after(instant()))
	}
	chosen, times := make([]*item, batch), make([]time.Time, batch)
	var inserting, deleting, sweeping time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for i := range chosen {
			chosen[i], times[i] = &items[rand.IntN(len(items))], after(instant())
		}
		begin := time.Now()
		for _, it := range chosen {
			c.set(it, time.Time{})
		}
		deleting += time.Since(begin)
		begin = time.Now()
		for i, it := range chosen {
			c.set(it, times[i])
		}
		inserting += time.Since(begin)

		chosen = chosen[:0]
		begin = time.Now()
		for len(chosen) < batch {
			for _, d := range c.until(1<<48, 250) {
				c.set(d.item, time.Time{})
				chosen = append(chosen, d.item)
			}
		}
		sweeping += time.Since(begin)
		for i, it := range chosen {
			c.set(it, times[i])
		}
	}
	for unit, spent := range map[string]time.Duration{"ns/insert": inserting, "ns/delete": deleting, "ns/sweep": sweeping} {
		b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*batch), unit)
	}
	b.ReportMetric(0, "ns/op") // of no meaning
}
