package proof_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestFaults plays random calls on a store that fails at random. Whatever the
// Manager answers must be true of what the store then holds, also once all
// that was still on its way has arrived.
func TestFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The Manager waits for a store that is down: no time for that.
		rapid.SyncTest(t, func(t *rapid.T) { newRuin(t, nil).play(t) })
	})
}

// TestFaultsFindMutants breaks what the store promises, so that the Manager
// answers wrongly, which the checks must find.
func TestFaultsFindMutants(t *testing.T) {
	for name, lie := range map[string]func(error) error{
		"sure where it is not": func(err error) error {
			if errors.Is(err, store.ErrUnknown) {
				return failed(store.ErrUnavailable)
			}
			return err
		},
		"success where it failed": func(err error) error {
			if errors.Is(err, store.ErrUnavailable) {
				return nil
			}
			return err
		},
		"not found where it is unavailable": func(err error) error {
			if errors.Is(err, store.ErrUnavailable) {
				return store.ErrNotFound
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			requireFound(t, func(t *rapid.T) { newRuin(t, lie).play(t) })
		})
	}
}

// A lyingStore changes the errors of the store it wraps.
type lyingStore struct {
	store.Store
	lie func(error) error
}

func (s lyingStore) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	rev, err := s.Store.Put(ctx, r)
	return max(1, rev), s.lie(err)
}

func (s lyingStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	r, err := s.Store.GetByName(ctx, registry, name)
	return r, s.lie(err)
}

// A ruin is a Manager on a store that fails.
type ruin struct {
	*regtoken.Manager
	journal journal
	clock   *clock
	faulty  *faultyStore
	raw     *memstore.Store
	direct  *regtoken.Manager    // on the store without the faults
	archive *regtoken.Manager    // the same, at a time when nothing had ended yet
	known   map[uuid.UUID]string // passwords by secret ID
	issued  []uuid.UUID          // its keys, in order
	serial  int                  // of scopes, each of which is added once
	faults  int                  // in the call that is played
	unread  bool                 // a read failed after the last write
}

func newRuin(t *rapid.T, lie func(error) error) *ruin {
	r := &ruin{raw: memstore.New(), clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, known: map[uuid.UUID]string{}}
	r.faulty = &faultyStore{Store: r.raw}
	var s store.Store = r.faulty
	if lie != nil {
		s = lyingStore{s, lie}
	}
	r.Manager = newManager(t, s, &regtoken.Options{Now: r.clock.Now, Observers: []regtoken.Observer{r.journal.Observe}})
	r.direct = newManager(t, r.raw, &regtoken.Options{Now: r.clock.Now})
	r.archive = newManager(t, r.raw, &regtoken.Options{Now: func() time.Time { return time.Unix(0, 0) }})
	return r
}

func (r *ruin) play(t *rapid.T) {
	r.faulty.next = func(choices []fault) fault {
		if len(r.faulty.pending) > 0 && rapid.Bool().Draw(t, "arrives") {
			r.faulty.arrive()
		}
		f := healthy
		if rapid.IntRange(0, 2).Draw(t, "fails") > 0 {
			f = rapid.SampledFrom(choices).Draw(t, "fault")
		}
		if f != healthy {
			r.faults++
		}
		r.unread = slices.Contains(readFaults, f)
		return f
	}
	t.Repeat(map[string]func(*rapid.T){
		"create":          r.create,
		"create2":         r.create,
		"edit":            r.edit,
		"rotate":          r.rotate,
		"retire":          r.retire,
		"delete":          r.delete,
		"addScope":        r.addScope,
		"addScope2":       r.addScope,
		"removeScope":     r.removeScope,
		"removeAllScopes": r.removeAllScopes,
		"read":            r.read,
		"authenticate":    r.authenticate,
		"authenticate2":   r.authenticate,
		"sweep":           r.sweep,
		"moveClock": func(t *rapid.T) {
			r.clock.Set(r.clock.Now().Add(pick(t, []time.Duration{time.Millisecond, time.Minute, 30 * time.Minute, time.Hour}, "step")))
		},
	})
}

// A state is all that the store holds, also what has ended.
type state map[uuid.UUID]regtoken.Token

func (r *ruin) state(t *rapid.T) state {
	s := state{}
	for token, err := range r.archive.Tokens(t.Context(), regtoken.Filter{}) {
		require.NoError(t, err)
		s[token.ID] = token
	}
	return s
}

// sorted goes by name, not by ID: a failure must be the same when it is played
// again.
func (s state) sorted() []regtoken.Token {
	return slices.SortedFunc(maps.Values(s), func(a, b regtoken.Token) int { return strings.Compare(a.Name, b.Name) })
}

// newScope returns a scope that no token has had yet.
func (r *ruin) newScope(kind string) regtoken.Scope {
	r.serial++
	return regtoken.RepositoryScope(fmt.Sprintf("%s/%d", kind, r.serial), regtoken.Pull)
}

func (r *ruin) pickToken(t *rapid.T) regtoken.Token {
	all := r.state(t).sorted()
	if len(all) == 0 {
		t.Skip("no token")
	}
	return choose(t, all, "token")
}

// run plays one call with a context that a fault may end.
func (r *ruin) run(t *rapid.T, call func(context.Context) error) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := r.faulty
	f.cancel, f.down, f.written, f.landed, f.puts, f.deletes = cancel, false, nil, false, 0, 0
	r.faults, r.unread = 0, false
	r.journal.Take()
	err := call(ctx)
	r.unread = r.unread || f.down
	f.down = false
	return err
}

// unsure are the faults after which nobody can know.
var unsure = []fault{dropped, applied, late, cutShort, foreignAfter, foreignBefore, replaced, lostForGood}

func count(written []fault, kinds ...fault) (n int) {
	for _, f := range written {
		if slices.Contains(kinds, f) {
			n++
		}
	}
	return n
}

// change plays a change of one token, and checks that it happened entirely or
// not at all, as the answer says. whole makes of the token as it was what it
// is to be; nil: deleted.
func (r *ruin) change(t *rapid.T, id uuid.UUID, op regtoken.Operation, whole func(*regtoken.Token) *regtoken.Token, call func(context.Context) error) error {
	before := r.state(t)
	r.faulty.rival = func() { r.rival(t, before, id) }
	err := r.run(t, call)

	now := r.clock.Now()
	base, exists := before[id]
	exists = exists && !ended(base.ExpiresAt, now)
	present := func() state { // only the store can tell which secret an unknown outcome left
		s := maps.Clone(before)
		if !exists {
			return s
		}
		edited := base
		edited.Scopes = slices.Clone(base.Scopes)
		edited.Secrets = slices.DeleteFunc(slices.Clone(base.Secrets), func(s regtoken.Secret) bool { return ended(s.ExpiresAt, now) })
		delete(s, id)
		if want := whole(&edited); want != nil {
			s[id] = *want
		}
		return s
	}
	r.requireOutcome(t, err, before, present, exists)
	unchanged := exists && r.same(before, present())
	switch applied := r.faulty.puts + r.faulty.deletes; {
	case err == nil && !exists: // deleted, by a rival or by this call: nobody knows
		require.NotZero(t, count(r.faulty.written, replaced))
	case err == nil && !unchanged:
		require.Equal(t, 1, applied, "%v", r.faulty.written)
	case err == nil || errors.Is(err, regtoken.ErrOutcomeUnknown):
		require.LessOrEqual(t, applied, 1)
	default:
		require.Zero(t, applied)
	}
	r.requireToldOnce(t, op, id, err, unchanged)
	return err
}

// rival is the write of another process while a change is under way. before is
// what the change starts from, and is kept up.
func (r *ruin) rival(t *rapid.T, before state, id uuid.UUID) {
	switch {
	case oneIn(t, 5, "rival deletes"):
		if r.direct.DeleteToken(t.Context(), id) == nil {
			delete(before, id)
		}
	default:
		if _, err := r.direct.AddScopes(t.Context(), id, r.newScope("rival")); err == nil {
			before[id] = r.state(t)[id]
		}
	}
}

// same ignores whether no scopes are an empty slice, and how many secrets that
// have ended are still kept.
func (r *ruin) same(a, b state) bool {
	plain := func(s state) (all []string) {
		for _, token := range s.sorted() {
			token.Secrets = slices.DeleteFunc(slices.Clone(token.Secrets), func(s regtoken.Secret) bool { return ended(s.ExpiresAt, r.clock.Now()) })
			all = append(all, fmt.Sprintf("%+v", token))
		}
		return all
	}
	return slices.Equal(plain(a), plain(b))
}

// requireOutcome checks an answer against the store, now and when all that was
// on its way has arrived.
func (r *ruin) requireOutcome(t *rapid.T, err error, absent state, present func() state, possible bool) {
	var mayBeAbsent, mayBePresent bool
	switch {
	case err == nil:
		mayBePresent = true
	case errors.Is(err, regtoken.ErrOutcomeUnknown):
		require.NotErrorIs(t, err, regtoken.ErrUnavailable)
		require.NotZero(t, count(r.faulty.written, unsure...), "unknown without a reason: %v", err)
		mayBeAbsent, mayBePresent = true, true
	case errors.Is(err, regtoken.ErrUnavailable):
		require.NotZero(t, r.faults, "unavailable without a reason: %v", err)
		mayBeAbsent = true
	default:
		require.True(t, errors.Is(err, regtoken.ErrNotFound) || errors.Is(err, regtoken.ErrNameTaken), "%v", err)
		require.False(t, possible, "%v", err)
		mayBeAbsent = true
	}
	for _, when := range []string{"at once", "later"} {
		got := r.state(t)
		fits := mayBeAbsent && r.same(absent, got) || mayBePresent && r.same(present(), got)
		require.True(t, fits, "%s: answer %v after %v\nabsent: %+v\nwhole: %+v\nstore: %+v", when, err, r.faulty.written, absent, present(), got)
		r.faulty.arrive()
	}
	// Its own write, once found, is as if nothing had happened.
	if r.faulty.landed && !r.unread {
		require.NoError(t, err)
	}
}

// requireToldOnce checks that the observers heard of the call once, and what
// its caller heard.
func (r *ruin) requireToldOnce(t *rapid.T, op regtoken.Operation, id uuid.UUID, err error, unchanged bool) {
	events := slices.DeleteFunc(r.journal.Take(), func(e regtoken.Event) bool { return e.Operation == regtoken.OpExpire })
	if err == nil && unchanged {
		require.Empty(t, events)
		return
	}
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, op, e.Operation)
	require.Equal(t, err == nil, e.Outcome == regtoken.Succeeded, "%+v", e)
	require.Equal(t, err, e.Err)
	if op != regtoken.OpCreate || err == nil {
		require.Equal(t, id, e.TokenID)
	} else { // named only if there may be such a token
		require.Equal(t, errors.Is(err, regtoken.ErrOutcomeUnknown), e.TokenID != uuid.Nil)
	}
}
