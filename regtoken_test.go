package regtoken_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// A log keeps the events it observes.
type log struct {
	mu     sync.Mutex
	events []regtoken.Event
}

func (l *log) Observe(_ context.Context, e regtoken.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// Take returns the events since it was last called.
func (l *log) Take() []regtoken.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// A rig is a Manager on memory, with its clock and its log.
type rig struct {
	*regtoken.Manager
	store store.Store
	clock *clock
	log   *log
}

// newRig makes a rig; configure may change the options and wrap the store.
func newRig(t testing.TB, configure ...func(*rig, *regtoken.Options)) *rig {
	t.Helper()
	r := &rig{store: memstore.New(), clock: &clock{now: start}, log: &log{}}
	opts := &regtoken.Options{Now: r.clock.Now, Observers: []regtoken.Observer{r.log.Observe}}
	for _, c := range configure {
		c(r, opts)
	}
	m, err := regtoken.NewManager(r.store, opts)
	require.NoError(t, err)
	r.Manager = m
	return r
}

// create makes a token by a spec that must be good.
func (r *rig) create(t testing.TB, spec regtoken.TokenSpec) (regtoken.Token, regtoken.Credential) {
	t.Helper()
	token, credential, err := r.CreateToken(t.Context(), spec)
	require.NoError(t, err)
	return token, credential
}

// fields returns the fields of a validation error.
func fields(t testing.TB, err error) []string {
	t.Helper()
	require.ErrorIs(t, err, regtoken.ErrInvalid)
	var v *regtoken.ValidationError
	require.ErrorAs(t, err, &v)
	var names []string
	for _, f := range v.Fields() {
		require.NotEmpty(t, f.Rule)
		require.Contains(t, err.Error(), f.Error())
		names = append(names, f.Field)
	}
	require.NotEmpty(t, names)
	return names
}

func scope(text string) regtoken.Scope {
	s, err := regtoken.ParseScope(text)
	if err != nil {
		panic(err)
	}
	return s
}
