package kill_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A gate lets something happen between a look for what has expired and its
// removal.
type gate struct {
	store.Store
	between func()
}

func (s *gate) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	records, err := s.Store.Expired(ctx, until, limit)
	if s.between != nil {
		s.between()
	}
	return records, err
}

// A careless store deletes what stands at another revision, and what is not
// there any more.
type careless struct{ *memstore.Store }

func (s careless) Delete(ctx context.Context, id uuid.UUID, _ store.Rev) (store.Rev, error) {
	r, err := s.Get(ctx, id)
	if err != nil {
		return 1, nil
	}
	return s.Store.Delete(ctx, id, r.Rev)
}

// TestSweepersFindsMutants lets one sweeper be late: after another, and after a
// renewal.
func TestSweepersFindsMutants(t *testing.T) {
	memory := func() store.Store { return memstore.New() }
	for name, c := range map[string]struct {
		store   func() store.Store
		renewed bool
		found   string
	}{
		"one after the other":      {store: memory},
		"after a renewal":          {store: memory, renewed: true},
		"two remove one":           {store: func() store.Store { return careless{memstore.New()} }, found: "was told of 2 times"},
		"one removes what is anew": {store: func() store.Store { return careless{memstore.New()} }, renewed: true, found: "was renewed, and was told of 1 times"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &gate{Store: c.store()}
			now := time.Now()
			var told [2][]uuid.UUID
			manager := func(i int, s store.Store) *regtoken.Manager {
				m, err := regtoken.NewManager(s, &regtoken.Options{
					Now:         func() time.Time { return now },
					MinLifetime: time.Nanosecond,
					Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) {
						if e.Operation == regtoken.OpExpire && e.Outcome == regtoken.Succeeded {
							told[i] = append(told[i], e.TokenID)
						}
					}},
				})
				require.NoError(t, err)
				return m
			}
			first, second := manager(0, s), manager(1, s.Store)
			token, _, err := first.CreateToken(t.Context(), regtoken.TokenSpec{Name: "token", Lifetime: time.Second})
			require.NoError(t, err)
			lives := &lives{}
			lives.add(token.ID, c.renewed, c.renewed)
			now = now.Add(time.Minute)
			s.between = sync.OnceFunc(func() {
				if c.renewed { // by a clock that is behind
					_, err = s.Put(t.Context(), renewed(t, s, token.ID))
				} else {
					_, err = second.Sweep(t.Context())
				}
				require.NoError(t, err)
			})
			_, err = first.Sweep(t.Context())
			require.NoError(t, err)
			requireFound(t, checkSwept(t.Context(), s.Store, lives, told[:]), c.found)
		})
	}
}

// renewed returns a record with a later expiry.
func renewed(t *testing.T, s store.Store, id uuid.UUID) store.Record {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	r.ExpiresAt = store.MaxTime
	return r
}
