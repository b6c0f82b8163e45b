package regtoken_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// BenchmarkSweep removes k expired tokens of n in memory, which expire all over
// a year; it prints the time a token. All sizes, which take 10 GiB of memory:
//
//	go test -run '^$' -bench 'Sweep$' -timeout 1h . -full
func BenchmarkSweep(b *testing.B) {
	sizes := []int{10_000, 100_000}
	if *full {
		sizes = append(sizes, 1_000_000, 10_000_000)
	}
	for _, n := range sizes {
		f := newSweepField(b, n)
		for _, k := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("n=%d/k=%d", n, k), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					f.put(b, k, -sweepSpan)
					b.StartTimer()
					removed, err := f.Sweep(b.Context())
					if err != nil || removed != k {
						b.Fatal(removed, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*k), "ns/token")
			})
		}
	}
}

// sweepSpan is how long before or after start tokens expire at most.
const sweepSpan = 365 * 24 * time.Hour

// A sweepField is a Manager at start, of many tokens.
type sweepField struct {
	*regtoken.Manager
	store    *memstore.Store
	template store.Record // of a token
	made     int
}

// newSweepField returns one with n tokens that have yet to expire.
func newSweepField(b *testing.B, n int) *sweepField {
	s := memstore.New()
	m, err := regtoken.NewManager(s, &regtoken.Options{Now: func() time.Time { return start }})
	require.NoError(b, err)
	token, _, err := m.CreateToken(b.Context(), regtoken.TokenSpec{
		Name:   "template",
		Owner:  "team-a",
		Scopes: []regtoken.Scope{scope("repository:team/*:pull,push")},
	})
	require.NoError(b, err)
	template, err := s.Get(b.Context(), token.ID)
	require.NoError(b, err)
	template.Rev = 0
	f := &sweepField{Manager: m, store: s, template: template}
	f.put(b, n, sweepSpan)
	return f
}

// put writes n more tokens, which expire at random between start and the end of
// the span, before it if the span is negative.
func (f *sweepField) put(b *testing.B, n int, span time.Duration) {
	for range n {
		f.made++
		r := f.template
		r.ID, r.Name = uuid.New(), fmt.Sprintf("token-%d", f.made)
		r.ExpiresAt = start.Add(time.Duration(rand.Float64() * float64(span))).Truncate(time.Millisecond)
		if span > 0 { // not at start itself
			r.ExpiresAt = r.ExpiresAt.Add(time.Millisecond)
		}
		if _, err := f.store.Put(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
