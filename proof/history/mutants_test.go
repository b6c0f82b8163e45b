package history_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// A mutant makes the two sides of a history of which something is wrong.
type mutant struct {
	name string
	make func(tb testing.TB, config frontend.Config) []side

	port    error // what histories of the port find; nil: it is not theirs to find
	manager bool  // histories of Managers find it
	follow  bool  // with what is kept in memory
}

var mutants = []mutant{
	{"cached read", eachHandle(func(s store.Store) store.Store { return &cachedReads{Store: s, kept: make(map[uuid.UUID]store.Record)} }), errRejected, true, false},
	{"delete applied later", bothHandles(func(s store.Store) store.Store { return &lateDeletes{Store: s} }), errRejected, true, false},
	{"lost update", bothHandles(func(s store.Store) store.Store { return lostUpdates{s} }), errRejected, true, false},
	{"two of one name", bothHandles(func(s store.Store) store.Store { return secondCreates{s} }), errRejected, true, false},
	{"old secret kept", keepOldSecrets, nil, true, false},
	{"revisions in blocks", eachHandle(newBlocks()), errDisorder, false, false},
	{"feed without deletions", bothHandles(func(s store.Store) store.Store { return &gappyFeed{Store: s, deleted: make(map[store.Rev]bool)} }), errFeed, false, false},
	{"feed that stands still", bothHandles(func(s store.Store) store.Store { return silentFeed{s} }), errFeed, true, true},
}

// TestMutants shows that histories of stores and Managers that do something
// wrong are rejected, and for that.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			if m.port != nil {
				t.Run("port", func(t *testing.T) {
					sides := m.make(t, idle)
					requireFound(t, m.port, func(seed uint64) error {
						return newPortPlay("mutant", seed).play(t, sides, 240, nil, reporter{})
					})
				})
			}
			if m.manager {
				t.Run("manager", func(t *testing.T) {
					config, kind := idle, managerKind{}
					if m.follow {
						config, kind = followed, managerKind{staleness: staleness}
					}
					sides := m.make(t, config)
					requireFound(t, errRejected, func(seed uint64) error {
						return newManagerPlay("mutant", seed, false).play(t, sides, 240, kind, reporter{})
					})
				})
			}
		})
	}
}

// requireFound plays histories until one is rejected.
func requireFound(t *testing.T, want error, play func(seed uint64) error) {
	const most = 100
	for seed := range uint64(most) {
		switch err := play(seed); {
		case err == nil:
		case errors.Is(err, errUndecided): // which shows nothing, of a mutant
			t.Logf("history %d: %v", seed+1, err)
		default:
			require.ErrorIs(t, err, want)
			t.Logf("found in history %d: %v", seed+1, err)
			return
		}
	}
	t.Fatalf("not found in %d histories", most)
}

// bothHandles makes sides that share one broken handle.
func bothHandles(breakIt func(store.Store) store.Store) func(testing.TB, frontend.Config) []side {
	return func(tb testing.TB, config frontend.Config) []side {
		broken := breakIt(yielding{memstore.New()})
		return localSides(tb, config, broken, broken)
	}
}

// eachHandle makes sides with a broken handle each, on one store.
func eachHandle(breakIt func(store.Store) store.Store) func(testing.TB, frontend.Config) []side {
	return func(tb testing.TB, config frontend.Config) []side {
		sound := yielding{memstore.New()}
		return localSides(tb, config, breakIt(sound), breakIt(sound))
	}
}

// cachedReads answers every other reading by ID with what it read last.
type cachedReads struct {
	store.Store
	mu    sync.Mutex
	reads int
	kept  map[uuid.UUID]store.Record
}

func (s *cachedReads) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if kept, ok := s.recall(id); ok {
		return kept, nil
	}
	r, err := s.Store.Get(ctx, id)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept[id] = r
	}
	return r, err
}

func (s *cachedReads) recall(id uuid.UUID) (r store.Record, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	r, ok = s.kept[id]
	return r, ok && s.reads%2 == 0
}

// lateDeletes says of a deletion that it is done, and does it some calls later.
type lateDeletes struct {
	store.Store
	mu      sync.Mutex
	pending []func()
}

func (s *lateDeletes) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	r, err := s.Get(ctx, id)
	if err != nil || r.Rev != ifRev {
		return s.Store.Delete(ctx, id, ifRev)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, func() { _, _ = s.Store.Delete(ctx, id, ifRev) })
	return ifRev + 1, nil
}

func (s *lateDeletes) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	r, err := s.Store.GetByName(ctx, registry, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, do := range s.pending {
		do()
	}
	s.pending = nil
	return r, err
}

// lostUpdates replaces whatever is there.
type lostUpdates struct{ store.Store }

func (s lostUpdates) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	for {
		rev, err := s.Store.Put(ctx, r)
		if r.Rev == 0 || !errors.Is(err, store.ErrConflict) {
			return rev, err
		}
		current, err := s.Get(ctx, r.ID)
		if err != nil {
			return 0, err
		}
		r.Rev = current.Rev
	}
}

// secondCreates lets the second of two creations of one name push out the
// first.
type secondCreates struct{ store.Store }

func (s secondCreates) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	for {
		rev, err := s.Store.Put(ctx, r)
		if !errors.Is(err, store.ErrExists) {
			return rev, err
		}
		if holder, err := s.GetByName(ctx, r.Registry, r.Name); err == nil {
			_, _ = s.Delete(ctx, holder.ID, holder.Rev)
		}
	}
}

// keepOldSecrets makes sides whose rotations leave the old secret alive.
func keepOldSecrets(tb testing.TB, config frontend.Config) []side {
	sides := inMemory(tb).sides(tb, config)
	return []side{oldSecretKept{sides[0]}, oldSecretKept{sides[1]}}
}

type oldSecretKept struct{ side }

func (s oldSecretKept) manage(method string, call frontend.Call) (frontend.Reply, error) {
	if method == rotate {
		call.Lifetime = overlap
	}
	return s.side.manage(method, call)
}

// newBlocks returns what gives each handle a block of revisions of its own, as
// sequences do that are cached: what the store calls n is n, or n and a million.
func newBlocks() func(store.Store) store.Store {
	var mu sync.Mutex
	far := make(map[store.Rev]bool) // the revisions that the second handle wrote
	handles := 0
	return func(s store.Store) store.Store {
		handles++
		return &blocks{Store: s, isSecond: handles%2 == 0, mu: &mu, far: far}
	}
}

const block = 1_000_000

type blocks struct {
	store.Store
	isSecond bool
	mu       *sync.Mutex
	far      map[store.Rev]bool
}

func (s *blocks) outward(r store.Record, err error) (store.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.far[r.Rev] {
		r.Rev += block
	}
	return r, err
}

// write makes a write; nobody reads in between what it is called.
func (s *blocks) write(do func() (store.Rev, error)) (store.Rev, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rev, err := do()
	if err == nil && s.isSecond {
		s.far[rev] = true
		rev += block
	}
	return rev, err
}

func (s *blocks) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	r.Rev %= block
	return s.write(func() (store.Rev, error) { return s.Store.Put(ctx, r) })
}

func (s *blocks) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	return s.write(func() (store.Rev, error) { return s.Store.Delete(ctx, id, ifRev%block) })
}

func (s *blocks) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	return s.outward(s.Store.Get(ctx, id))
}

func (s *blocks) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return s.outward(s.Store.GetByName(ctx, registry, name))
}

// gappyFeed does not list deletions.
type gappyFeed struct {
	store.Store
	mu      sync.Mutex
	deleted map[store.Rev]bool
}

func (s *gappyFeed) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	rev, err := s.Store.Delete(ctx, id, ifRev)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deleted[rev] = true
	}
	return rev, err
}

func (s *gappyFeed) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	batch, err := s.Store.Changes(ctx, after, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	batch.Changes = slices.DeleteFunc(batch.Changes, func(c store.Change) bool { return s.deleted[c.Rev] })
	return batch, err
}

// silentFeed says that nothing has changed.
type silentFeed struct{ store.Store }

func (s silentFeed) Changes(_ context.Context, after store.Cursor, _ int) (store.Batch, error) {
	return store.Batch{Next: after, CaughtUp: true}, nil
}
