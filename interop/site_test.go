package interop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
	"github.com/regtoken/regtoken/store"
)

// A site is a registry behind a guard, on a real server.
type site struct {
	software
	server  *httptest.Server
	host    string // host:port, as a client names it
	manager *regtoken.Manager
	clock   *clock
	store   *faultyStore
	passed  *passed
}

func startSite(t *testing.T, s software, serve func(http.Handler) *httptest.Server) *site {
	t.Helper()
	site := &site{
		software: s,
		clock:    &clock{},
		store:    &faultyStore{Store: memstore.New()},
		passed:   &passed{t: t, registry: s.start(t)},
	}
	var err error
	site.manager, err = regtoken.NewManager(site.store, &regtoken.Options{Now: site.clock.now})
	require.NoError(t, err)
	guard, err := registryauth.NewGuard(site.passed, site.manager, nil)
	require.NoError(t, err)
	site.server = serve(guard)
	t.Cleanup(site.server.Close)
	site.host = site.server.Listener.Addr().String()
	return site
}

// A rights is what a token of a test may do, in the text form of scopes.
type rights []string

var (
	everything = rights{"repository:*:pull,push,admin", "registry:*:list"}
	nothing    = rights{}
)

func (r rights) String() string {
	if len(r) == 0 {
		return "no scope"
	}
	return strings.Join(r, " ")
}

// token makes a token with these rights, whose name is of no matter.
func (s *site) token(t *testing.T, r rights) regtoken.Credential {
	t.Helper()
	_, credential := s.create(t, s.manager, regtoken.TokenSpec{}, r)
	return credential
}

func (s *site) create(t *testing.T, m *regtoken.Manager, spec regtoken.TokenSpec, r rights) (regtoken.Token, regtoken.Credential) {
	t.Helper()
	for _, text := range r {
		scope, err := regtoken.ParseScope(text)
		require.NoError(t, err)
		spec.Scopes = append(spec.Scopes, scope)
	}
	spec.Name = "t-" + uuid.NewString()
	token, credential, err := m.CreateToken(t.Context(), spec)
	require.NoError(t, err)
	return token, credential
}

// passed counts what the guard lets through to the registry behind it.
type passed struct {
	t        *testing.T
	registry http.Handler
	requests atomic.Int64
}

func (p *passed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	assert.NotContains(p.t, r.Header, "Authorization", "a password reached the registry")
	p.registry.ServeHTTP(w, r)
}

// clock is the real one, moved.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(by time.Duration) { c.ahead.Add(int64(by)) }

// faultyStore is a store that can be cut off from its readers.
type faultyStore struct {
	store.Store
	down atomic.Bool
}

func (s *faultyStore) fault() error {
	if s.down.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func (s *faultyStore) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if err := s.fault(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *faultyStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if err := s.fault(); err != nil {
		return store.Record{}, err
	}
	return s.Store.GetByName(ctx, registry, name)
}

func (s *faultyStore) Head(ctx context.Context) (store.Cursor, error) {
	if err := s.fault(); err != nil {
		return "", err
	}
	return s.Store.Head(ctx)
}

func (s *faultyStore) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if err := s.fault(); err != nil {
		return store.Batch{}, err
	}
	return s.Store.Changes(ctx, after, limit)
}
