package proof_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

const (
	writers = 16
	rounds  = 60
)

// twoProcesses returns two Managers on one store, and what their observers
// hear.
func twoProcesses(t *testing.T) ([2]*regtoken.Manager, *journal) {
	s, heard := memstore.New(), &journal{}
	options := &regtoken.Options{Observers: []regtoken.Observer{heard.Observe}}
	return [2]*regtoken.Manager{newManager(t, s, options), newManager(t, s, options)}, heard
}

// inParallel runs the writers, each with a source of its own, on the two
// Managers by turns.
func inParallel(ms [2]*regtoken.Manager, write func(m *regtoken.Manager, writer int, random *rand.Rand)) {
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() { write(ms[writer%2], writer, rand.New(rand.NewPCG(rand.Uint64(), 0))) })
	}
	all.Wait()
}

// A ledger is what callers were told of the scopes of each token.
type ledger struct {
	mu     sync.Mutex
	scopes map[uuid.UUID]map[regtoken.Scope]bool
}

func (l *ledger) set(id uuid.UUID, s regtoken.Scope, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.scopes[id] == nil {
		l.scopes[id] = map[regtoken.Scope]bool{}
	}
	l.scopes[id][s] = there
}

// TestConcurrentScopes has many writers add and remove scopes of the same few
// tokens, while others edit, rotate and retire: no acknowledged change is
// lost, and events tell of each once.
func TestConcurrentScopes(t *testing.T) {
	ms, heard := twoProcesses(t)
	var ids []uuid.UUID
	for i := range 3 {
		token, _, err := ms[0].CreateToken(t.Context(), regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i)})
		require.NoError(t, err)
		ids = append(ids, token.ID)
	}
	acknowledged := ledger{scopes: map[uuid.UUID]map[regtoken.Scope]bool{}}
	var changes atomic.Int64 // of scopes
	inParallel(ms, func(m *regtoken.Manager, writer int, random *rand.Rand) {
		var mine []regtoken.Scope // of each token
		for round := range rounds {
			id := ids[random.IntN(len(ids))]
			var token regtoken.Token
			var err error
			switch random.IntN(8) {
			default:
				s := regtoken.RepositoryScope(fmt.Sprintf("%d/%d", writer, round), regtoken.Pull)
				if token, err = m.AddScopes(t.Context(), id, s); assert.NoError(t, err) {
					assert.Contains(t, token.Scopes, s)
					acknowledged.set(id, s, true)
					mine = append(mine, s)
					changes.Add(1)
				}
			case 4:
				if len(mine) == 0 {
					continue
				}
				s := mine[random.IntN(len(mine))]
				token, err = m.RemoveScope(t.Context(), id, s)
				if errors.Is(err, regtoken.ErrScopeNotFound) {
					continue // it is another token's
				}
				if assert.NoError(t, err) {
					assert.NotContains(t, token.Scopes, s)
					acknowledged.set(id, s, false)
					changes.Add(1)
				}
			case 5:
				status := []regtoken.Status{regtoken.Enabled, regtoken.Disabled}[random.IntN(2)]
				if token, err = m.EditToken(t.Context(), id, regtoken.Edit{Status: status}); assert.NoError(t, err) {
					assert.Equal(t, status, token.Status)
				}
			case 6:
				_, err = m.RotateSecret(t.Context(), id, time.Duration(random.IntN(2))*time.Hour)
				assert.NoError(t, err)
			case 7:
				if token, err = m.RetireOldSecret(t.Context(), id); assert.NoError(t, err) {
					assert.Len(t, token.Secrets, 1)
				}
			}
			assert.LessOrEqual(t, len(token.Secrets), 2)
		}
	})
	for _, id := range ids {
		token, err := ms[1].Token(t.Context(), id)
		require.NoError(t, err)
		var want []regtoken.Scope
		for s, there := range acknowledged.scopes[id] {
			if there {
				want = append(want, s)
			}
		}
		require.ElementsMatch(t, want, token.Scopes)
	}
	told := 0
	for _, e := range heard.Take() {
		if e.Outcome == regtoken.Succeeded { // other changes than of scopes have none
			told += len(e.Scopes)
		}
	}
	require.EqualValues(t, changes.Load(), told)
}

// TestConcurrentRemoveAllScopes lets additions race with removals of all: what
// is left is what was added after the last removal, as the events tell.
func TestConcurrentRemoveAllScopes(t *testing.T) {
	ms, heard := twoProcesses(t)
	token, _, err := ms[0].CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc"})
	require.NoError(t, err)
	inParallel(ms, func(m *regtoken.Manager, writer int, random *rand.Rand) {
		for round := range rounds {
			if random.IntN(4) == 0 {
				token, err := m.RemoveAllScopes(t.Context(), token.ID)
				assert.NoError(t, err)
				assert.Empty(t, token.Scopes)
				continue
			}
			_, err := m.AddScopes(t.Context(), token.ID, regtoken.RepositoryScope(fmt.Sprintf("%d/%d", writer, round), regtoken.Pull))
			assert.NoError(t, err)
		}
	})
	left := map[regtoken.Scope]int{}
	for _, e := range heard.Take() {
		for _, s := range e.Scopes {
			switch e.Operation {
			case regtoken.OpAddScopes:
				left[s]++
			case regtoken.OpRemoveScopes:
				left[s]--
			}
		}
	}
	var want []regtoken.Scope
	for s, n := range left {
		require.Contains(t, []int{0, 1}, n, "%v", s)
		if n == 1 {
			want = append(want, s)
		}
	}
	token, err = ms[1].Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, want, token.Scopes)
}

// TestConcurrentNames has many writers create and delete tokens of the same
// few names, some of which expire meanwhile: a name never has two.
func TestConcurrentNames(t *testing.T) {
	now := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := memstore.New()
	heard := &journal{}
	options := &regtoken.Options{Now: now.Now, Observers: []regtoken.Observer{heard.Observe}}
	ms := [2]*regtoken.Manager{newManager(t, s, options), newManager(t, s, options)}
	var holders [3]atomic.Int64 // the writer whose token has the name; 0: none
	var created, deleted atomic.Int64
	inParallel(ms, func(m *regtoken.Manager, writer int, random *rand.Rand) {
		for range rounds {
			n := random.IntN(len(holders))
			name := fmt.Sprintf("token-%d", n)
			token, c, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: name})
			if err != nil {
				assert.ErrorIs(t, err, regtoken.ErrNameTaken)
				continue
			}
			created.Add(1)
			// Only its maker deletes it, so it is alone until then.
			assert.True(t, holders[n].CompareAndSwap(0, int64(writer+1)), "two tokens of one name")
			_, err = m.Authenticate(t.Context(), c.Login())
			assert.NoError(t, err)
			got, err := m.TokenByName(t.Context(), name)
			assert.NoError(t, err)
			assert.Equal(t, token.ID, got.ID)
			holders[n].Store(0)
			assert.NoError(t, m.DeleteToken(t.Context(), token.ID))
			deleted.Add(1)
			_, err = m.Authenticate(t.Context(), c.Login())
			assert.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		}
	})
	require.NotZero(t, created.Load())
	require.Equal(t, created.Load(), deleted.Load())
	require.Empty(t, collect(t, ms[0].Tokens(t.Context(), regtoken.Filter{})))

	// An expired token leaves its name to exactly one of those who want it.
	for range rounds {
		old, _, err := ms[0].CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc", Expiry: now.Now().Add(time.Hour)})
		require.NoError(t, err)
		now.Set(now.Now().Add(time.Hour))
		heard.Take()
		var heirs atomic.Int64
		var heir atomic.Value
		inParallel(ms, func(m *regtoken.Manager, writer int, _ *rand.Rand) {
			if writer == 0 {
				_, err := m.Sweep(t.Context())
				assert.NoError(t, err)
				return
			}
			token, _, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc"})
			if err == nil {
				heirs.Add(1)
				heir.Store(token.ID)
				return
			}
			assert.ErrorIs(t, err, regtoken.ErrNameTaken)
		})
		require.EqualValues(t, 1, heirs.Load())
		expired := slices.DeleteFunc(heard.Take(), func(e regtoken.Event) bool { return e.Operation != regtoken.OpExpire })
		require.Len(t, expired, 1)
		require.Equal(t, old.ID, expired[0].TokenID)
		require.NoError(t, ms[1].DeleteToken(t.Context(), heir.Load().(uuid.UUID)))
	}
}

// TestConcurrentRotation rotates the same token from everywhere: at most two
// secrets live, they are among those handed out, and no other logs in.
func TestConcurrentRotation(t *testing.T) {
	ms, _ := twoProcesses(t)
	token, first, err := ms[0].CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc"})
	require.NoError(t, err)
	var mu sync.Mutex
	handedOut := map[uuid.UUID]regtoken.Credential{first.SecretID: first}
	inParallel(ms, func(m *regtoken.Manager, writer int, random *rand.Rand) {
		for range rounds {
			switch random.IntN(4) {
			case 0, 1:
				c, err := m.RotateSecret(t.Context(), token.ID, time.Duration(random.IntN(3))*time.Hour)
				if assert.NoError(t, err) {
					mu.Lock()
					handedOut[c.SecretID] = c
					mu.Unlock()
				}
			case 2:
				token, err := m.RetireOldSecret(t.Context(), token.ID)
				assert.NoError(t, err)
				assert.Len(t, token.Secrets, 1)
			case 3:
				token, err := m.TokenByName(t.Context(), "abc")
				assert.NoError(t, err)
				assert.LessOrEqual(t, len(token.Secrets), 2)
				assert.True(t, token.Secrets[0].ExpiresAt.IsZero(), "the current one has no end")
			}
		}
	})
	token, err = ms[1].Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Contains(t, []int{1, 2}, len(token.Secrets))
	works := map[uuid.UUID]bool{}
	for _, s := range token.Secrets {
		require.Contains(t, handedOut, s.ID)
		works[s.ID] = true
	}
	for id, c := range handedOut {
		_, err := ms[0].Authenticate(t.Context(), c.Login())
		if works[id] {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		}
	}
}
