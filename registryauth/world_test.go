package registryauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
	"github.com/regtoken/regtoken/store"
)

// A world is a guard with all that is around it.
type world struct {
	t       *testing.T
	now     time.Time
	store   *brokenStore
	events  []regtoken.Event
	manager *regtoken.Manager
	passed  []*http.Request // what the registry got
	answer  http.HandlerFunc
	guard   *registryauth.Guard
	tokens  *registryauth.TokenServer // see newBearerWorld
}

func newWorld(t *testing.T, opts *registryauth.GuardOptions) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.store = &brokenStore{Store: memstore.New()}
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	now := func() time.Time { return w.now }
	var err error
	w.manager, err = regtoken.NewManager(w.store, &regtoken.Options{
		Now:       now,
		Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) { w.events = append(w.events, e) }},
	})
	require.NoError(t, err)
	if opts == nil {
		opts = &registryauth.GuardOptions{}
	}
	opts.Now = now
	w.guard, err = registryauth.NewGuard(http.HandlerFunc(w.registry), w.manager, opts)
	require.NoError(t, err)
	return w
}

// registry is what is behind the guard.
func (w *world) registry(rw http.ResponseWriter, r *http.Request) {
	w.passed = append(w.passed, r)
	if w.answer != nil {
		w.answer(rw, r)
	}
}

// login makes a token with these scopes.
func (w *world) login(name string, scopes ...string) regtoken.Login {
	w.t.Helper()
	spec := regtoken.TokenSpec{Name: name}
	for _, text := range scopes {
		s, err := regtoken.ParseScope(text)
		require.NoError(w.t, err)
		spec.Scopes = append(spec.Scopes, s)
	}
	_, credential, err := w.manager.CreateToken(w.t.Context(), spec)
	require.NoError(w.t, err)
	return credential.Login()
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.guard.ServeHTTP(answer, r)
	return answer
}

// do sends a request with these credentials, or none.
func (w *world) do(method, target string, login ...regtoken.Login) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, l := range login {
		r.SetBasicAuth(l.Name, l.Password.Reveal())
	}
	return w.serve(r)
}

// A brokenStore fails as long as it is told to.
type brokenStore struct {
	store.Store
	err   error
	asked int
}

func (s *brokenStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	s.asked++
	if s.err != nil {
		return store.Record{}, s.err
	}
	return s.Store.GetByName(ctx, registry, name)
}

func (s *brokenStore) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	s.asked++
	if s.err != nil {
		return store.Record{}, s.err
	}
	return s.Store.Get(ctx, id)
}

// requireRefusal checks the whole form of an answer of the guard's own.
func requireRefusal(t *testing.T, answer *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	require.Equal(t, status, answer.Code, answer.Body.String())
	h := answer.Header()
	require.Equal(t, "application/json", h.Get("Content-Type"))
	require.Equal(t, "registry/2.0", h.Get("Docker-Distribution-Api-Version"))
	require.NotEmpty(t, h.Get("Content-Length"))
	require.Equal(t, status == http.StatusUnauthorized, h.Get("WWW-Authenticate") != "")
	require.Equal(t, status == http.StatusMethodNotAllowed, h.Get("Allow") != "")
	require.Equal(t, status == http.StatusTooManyRequests, h.Get("Retry-After") != "")
	if answer.Body.Len() == 0 {
		return // HEAD: see TestHeadIsAnsweredLikeGet
	}
	var body struct {
		Errors []struct{ Code, Message string }
	}
	decoder := json.NewDecoder(answer.Body)
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&body))
	require.Len(t, body.Errors, 1)
	require.Equal(t, code, body.Errors[0].Code)
	require.NotEmpty(t, body.Errors[0].Message)
}
