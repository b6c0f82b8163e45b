package memstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// The year over which the records of a benchmark expire.
var (
	yearBegins = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	year       = 365 * 24 * time.Hour
)

// someTime returns a random millisecond of the year.
func someTime() time.Time {
	return yearBegins.Add(rand.N(year)).Truncate(time.Millisecond)
}

// forEachSize runs the benchmark on a store of n records that expire all over
// the year, and hands it at most 100,000 of them, in no order.
func forEachSize(b *testing.B, benchmark func(b *testing.B, s *memstore.Store, sample []store.Record)) {
	for _, n := range memstore.Sizes() {
		s := memstore.New()
		var sample []store.Record
		for i := range n {
			r := newRecord(i)
			r.ExpiresAt = someTime()
			put(b, s, &r)
			if i%max(1, n/100_000) == 0 {
				sample = append(sample, r)
			}
		}
		rand.Shuffle(len(sample), func(i, j int) { sample[i], sample[j] = sample[j], sample[i] })
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) { benchmark(b, s, sample) })
	}
}

func put(b *testing.B, s *memstore.Store, r *store.Record) {
	rev, err := s.Put(b.Context(), *r)
	if err != nil {
		b.Fatal(err)
	}
	r.Rev = rev
}

func remove(b *testing.B, s *memstore.Store, r *store.Record) {
	if _, err := s.Delete(b.Context(), r.ID, r.Rev); err != nil {
		b.Fatal(err)
	}
	r.Rev = 0
}

func BenchmarkGet(b *testing.B) {
	forEachSize(b, func(b *testing.B, s *memstore.Store, sample []store.Record) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Get(b.Context(), sample[i%len(sample)].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGetByName(b *testing.B) {
	forEachSize(b, func(b *testing.B, s *memstore.Store, sample []store.Record) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.GetByName(b.Context(), "registry", sample[i%len(sample)].Name); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWrite measures one write among n records: what creating, rotating
// (or any edit that leaves the expiry alone), moving the expiry and deleting
// costs in the store. Create and delete are measured 1,000 at a time.
func BenchmarkWrite(b *testing.B) {
	const batch = 1000
	perRecord := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record") }
	forEachSize(b, func(b *testing.B, s *memstore.Store, sample []store.Record) {
		all := func(do func(*testing.B, *memstore.Store, *store.Record), first int) {
			for i := range batch {
				do(b, s, &sample[(first+i)%len(sample)])
			}
		}
		b.Run("create", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i += batch {
				b.StopTimer()
				all(remove, i)
				b.StartTimer()
				all(put, i)
			}
			perRecord(b)
		})
		b.Run("delete", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i += batch {
				all(remove, i)
				b.StopTimer()
				all(put, i)
				b.StartTimer()
			}
			perRecord(b)
		})
		b.Run("rotate", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				put(b, s, &sample[i%len(sample)])
			}
		})
		b.Run("move-expiry", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r := &sample[i%len(sample)]
				r.ExpiresAt = someTime()
				put(b, s, r)
			}
		})
	})
}

// BenchmarkSweep removes k expired records of n, by Expired and Delete as a
// sweeper does, and prints the time a record. All sizes:
//
//	go test ./memstore -run '^$' -bench Sweep -timeout 1h -full
func BenchmarkSweep(b *testing.B) {
	forEachSize(b, func(b *testing.B, s *memstore.Store, _ []store.Record) {
		for _, k := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("k=%d", k), func(b *testing.B) {
				due := make([]store.Record, k)
				for i := range due {
					due[i] = newRecord(i)
					due[i].ID, due[i].Name = uuid.New(), fmt.Sprintf("due-%d", i)
				}
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for _, r := range due {
						r.ExpiresAt = someTime().Add(-year)
						put(b, s, &r)
					}
					b.StartTimer()
					require.Equal(b, k, sweep(b, s, yearBegins.Add(-1)))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*k), "ns/record")
			})
		}
	})
}

// sweep removes what expired until the instant, and returns how much.
func sweep(b *testing.B, s *memstore.Store, until time.Time) (removed int) {
	for {
		expired, err := s.Expired(b.Context(), until, 256)
		if err != nil {
			b.Fatal(err)
		}
		for i := range expired {
			remove(b, s, &expired[i])
		}
		removed += len(expired)
		if len(expired) == 0 {
			return removed
		}
	}
}

// BenchmarkNextExpiry finds what expires next of n records: all that a sweeper
// with nothing to do asks for.
func BenchmarkNextExpiry(b *testing.B) {
	forEachSize(b, func(b *testing.B, s *memstore.Store, _ []store.Record) {
		b.ReportAllocs()
		for b.Loop() {
			next, err := s.Expired(b.Context(), store.MaxTime, 1)
			if err != nil || len(next) != 1 {
				b.Fatal(next, err)
			}
		}
	})
}

func BenchmarkHead(b *testing.B) {
	s := memstore.New()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Head(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
