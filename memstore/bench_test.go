package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// filled returns a store of n records, of which the record i expires i
// milliseconds after MinTime.
func filled(b *testing.B, n int) (*memstore.Store, []store.Record) {
	b.Helper()
	s := memstore.New()
	records := make([]store.Record, n)
	for i := range records {
		r := newRecord(i)
		r.ExpiresAt = store.MinTime.Add(time.Duration(i) * time.Millisecond)
		rev, err := s.Put(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		r.Rev = rev
		records[i] = r
	}
	return s, records
}

var sizes = []int{1_000, 100_000}

func BenchmarkGet(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, records := filled(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Get(b.Context(), records[i%n].ID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGetByName(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, records := filled(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.GetByName(b.Context(), "registry", records[i%n].Name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCreate includes the making of the record.
func BenchmarkCreate(b *testing.B) {
	s := memstore.New()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Put(b.Context(), newRecord(i)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSweep takes the oldest record out of n and puts it back as the
// youngest.
func BenchmarkSweep(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _ := filled(b, n)
			b.ReportAllocs()
			for i := n; b.Loop(); i++ {
				expired, err := s.Expired(b.Context(), store.MaxTime, 1)
				if err != nil || len(expired) != 1 {
					b.Fatal(expired, err)
				}
				r := expired[0]
				if _, err := s.Delete(b.Context(), r.ID, r.Rev); err != nil {
					b.Fatal(err)
				}
				r.Rev, r.ExpiresAt = 0, store.MinTime.Add(time.Duration(i)*time.Millisecond)
				if _, err := s.Put(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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
