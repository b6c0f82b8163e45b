package proof_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/store"
)

// TestModelFindsMutants breaks the library's surroundings in many ways, each
// of which the model must find.
func TestModelFindsMutants(t *testing.T) {
	ahead := func(d time.Duration) func(*regtoken.Options) {
		return func(o *regtoken.Options) {
			now := o.Now
			o.Now = func() time.Time { return now().Add(d) }
		}
	}
	for name, v := range map[string]variant{
		"clock ahead by a millisecond":  {options: ahead(time.Millisecond)},
		"clock behind by a millisecond": {options: ahead(-time.Millisecond)},
		"minimal lifetime too short":    {options: func(o *regtoken.Options) { o.MinLifetime = max(1, o.MinLifetime-time.Millisecond) + 1 }},
		"grace too long":                {options: func(o *regtoken.Options) { o.RemovalGrace += time.Millisecond }},
		"observer told twice":           {options: func(o *regtoken.Options) { o.Observers = append(o.Observers, o.Observers[0]) }},
		"observer not told":             {options: func(o *regtoken.Options) { o.Observers = nil }},
		"edits lost":                    mutant(func(m *mutated) { m.put = m.loseEdits }),
		"expiry lost":                   mutant(func(m *mutated) { m.put = m.forever }),
		"expiry a millisecond early":    mutant(func(m *mutated) { m.put = m.early }),
		"deletes lost":                  mutant(func(m *mutated) { m.loseDeletes = true }),
		"names without case":            mutant(func(m *mutated) { m.name = strings.ToLower }),
		"registries mixed up":           mutant(func(m *mutated) { m.mixRegistries = true }),
		"listing backwards":             mutant(func(m *mutated) { m.backwards = true }),
		"stale reads":                   mutant(func(m *mutated) { m.stale = map[uuid.UUID]store.Record{} }),
		"swept too early":               mutant(func(m *mutated) { m.sweepShift = time.Millisecond }),
		"swept too late":                mutant(func(m *mutated) { m.sweepShift = -time.Millisecond }),
		"password trimmed":              {login: trimmed},
	} {
		t.Run(name, func(t *testing.T) {
			requireFound(t, func(t *rapid.T) { newWorld(t, v).play(t) })
		})
	}
}

// requireFound checks that rapid finds the property false.
func requireFound(t *testing.T, property func(*rapid.T)) {
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "0s", "rapid.checks": "3000"} {
		was := flag.Lookup(name).Value.String()
		require.NoError(t, flag.Set(name, value))
		defer func() { require.NoError(t, flag.Set(name, was)) }()
	}
	found := &verdict{name: t.Name()}
	// What is broken may have the Manager wait and try again: no time for that.
	synctest.Test(t, func(*testing.T) {
		done := make(chan struct{})
		go func() { // which the failure ends
			defer close(done)
			rapid.Check(found, property)
		}()
		<-done
	})
	require.True(t, found.failed, "not found")
	require.NotContains(t, found.text, "panic after", "found for the wrong reason: %s", found.text)
}

// A verdict is a rapid.TB that notes a failure and fails nothing.
type verdict struct {
	name   string
	failed bool
	text   string
}

func (v *verdict) Helper()              {}
func (v *verdict) Name() string         { return v.name }
func (v *verdict) Log(...any)           {}
func (v *verdict) Logf(string, ...any)  {}
func (v *verdict) Skip(...any)          { runtime.Goexit() }
func (v *verdict) Skipf(string, ...any) { runtime.Goexit() }
func (v *verdict) SkipNow()             { runtime.Goexit() }
func (v *verdict) Fail()                { v.failed = true }
func (v *verdict) FailNow()             { v.failed = true; runtime.Goexit() }
func (v *verdict) Failed() bool         { return v.failed }
func (v *verdict) Error(args ...any)    { v.failed = true; v.text += fmt.Sprintln(args...) }
func (v *verdict) Errorf(f string, args ...any) {
	v.failed = true
	v.text += fmt.Sprintf(f+"\n", args...)
}
func (v *verdict) Fatal(args ...any)            { v.Error(args...); v.FailNow() }
func (v *verdict) Fatalf(f string, args ...any) { v.Errorf(f, args...); v.FailNow() }

func trimmed(l regtoken.Login) regtoken.Login {
	password := l.Password.Reveal()
	return regtoken.Login{Name: l.Name, Password: regtoken.NewPassword(password[:max(0, len(password)-1)])}
}

func mutant(breakIt func(*mutated)) variant {
	return variant{store: func(s store.Store) store.Store {
		m := &mutated{Store: s, put: s.Put, name: func(name string) string { return name }}
		breakIt(m)
		return m
	}}
}

// A mutated store does one thing wrong.
type mutated struct {
	store.Store
	put           func(context.Context, store.Record) (store.Rev, error)
	name          func(string) string
	loseDeletes   bool
	mixRegistries bool
	backwards     bool
	stale         map[uuid.UUID]store.Record // the first state of each record
	sweepShift    time.Duration
}

func (m *mutated) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	r.Name = m.name(r.Name)
	return m.put(ctx, r)
}

func (m *mutated) loseEdits(ctx context.Context, r store.Record) (store.Rev, error) {
	if r.Rev > 0 {
		return r.Rev + 1, nil
	}
	return m.Store.Put(ctx, r)
}

func (m *mutated) forever(ctx context.Context, r store.Record) (store.Rev, error) {
	r.ExpiresAt = time.Time{}
	return m.Store.Put(ctx, r)
}

func (m *mutated) early(ctx context.Context, r store.Record) (store.Rev, error) {
	if !r.ExpiresAt.IsZero() {
		r.ExpiresAt = r.ExpiresAt.Add(-time.Millisecond)
	}
	return m.Store.Put(ctx, r)
}

func (m *mutated) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	r, err := m.Store.Get(ctx, id)
	if m.mixRegistries && err == nil {
		r.Registry = ""
	}
	if m.stale == nil || err != nil {
		return r, err
	}
	if first, ok := m.stale[id]; ok {
		first.Rev = r.Rev
		return first, nil
	}
	m.stale[id] = r
	return r, nil
}

func (m *mutated) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return m.Store.GetByName(ctx, registry, m.name(name))
}

func (m *mutated) Delete(ctx context.Context, id uuid.UUID, rev store.Rev) (store.Rev, error) {
	if m.loseDeletes {
		return rev + 1, nil
	}
	return m.Store.Delete(ctx, id, rev)
}

func (m *mutated) List(ctx context.Context, q store.Query) (store.Page, error) {
	page, err := m.Store.List(ctx, q)
	if m.backwards {
		slices.Reverse(page.Records)
	}
	return page, err
}

func (m *mutated) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	return m.Store.Expired(ctx, until.Add(m.sweepShift), limit)
}
