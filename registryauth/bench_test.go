package registryauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// newRobot returns a Manager with one token, for a guard that is measured: a
// world's observes and keeps all that passes.
func newRobot(tb testing.TB) (*regtoken.Manager, regtoken.Login) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(tb, err)
	_, credential, err := m.CreateToken(tb.Context(), regtoken.TokenSpec{Name: "robot", Scopes: []regtoken.Scope{
		regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
	}})
	require.NoError(tb, err)
	return m, credential.Login()
}

// asDocker returns a request with the headers that docker sends besides, which
// a guard passes on.
func asDocker(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("User-Agent", "docker/29.0.0 go/go1.26 os/linux arch/amd64")
	r.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	r.Header.Set("Accept-Encoding", "gzip")
	return r
}

// What the guard adds to a request, in front of a registry that does nothing.
func BenchmarkGuard(b *testing.B) {
	m, login := newRobot(b)
	guard, err := registryauth.NewGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), m, nil)
	require.NoError(b, err)
	for _, c := range []struct{ name, method, target, password string }{
		{"ping", "GET", "/v2/", login.Password.Reveal()},
		{"pull", "GET", "/v2/team/app/blobs/" + digest, login.Password.Reveal()},
		{"mount", "POST", "/v2/team/app/blobs/uploads/?mount=" + digest + "&from=team%2Fbase", login.Password.Reveal()},
		{"anonymous", "GET", "/v2/", ""},
		{"unknown path", "GET", "/v2/team/app/blobs/latest", login.Password.Reveal()},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := asDocker(c.method, c.target)
			if c.password != "" {
				r.SetBasicAuth("robot", c.password)
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				w.Body.Reset()
				guard.ServeHTTP(w, r)
			}
		})
	}
}

// A token request, and what a guard adds to a request by what it gives.
func BenchmarkTokenServer(b *testing.B) {
	m, login := newRobot(b)
	tokens, err := registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{Issuer: issuer, Service: service})
	require.NoError(b, err)
	guard, err := registryauth.NewGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), m, &registryauth.GuardOptions{TokenServer: tokens})
	require.NoError(b, err)

	exchange := func(query string) *http.Request {
		r := asDocker(http.MethodGet, "/token?service="+service+query)
		r.SetBasicAuth("robot", login.Password.Reveal())
		return r
	}
	answer := httptest.NewRecorder()
	guard.ServeHTTP(answer, exchange("&scope=repository:team/app:pull,push"))
	var body struct{ Token string }
	require.NoError(b, json.Unmarshal(answer.Body.Bytes(), &body))
	bearer := asDocker(http.MethodGet, "/v2/team/app/blobs/"+digest)
	bearer.Header.Set("Authorization", "Bearer "+body.Token)

	for _, c := range []struct {
		name string
		r    *http.Request
	}{
		{"login", exchange("")},
		{"exchange", exchange("&scope=repository:team/app:pull,push")},
		{"bearer", bearer},
		{"challenge", asDocker(http.MethodGet, "/v2/team/app/blobs/"+digest)},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				w.Body.Reset()
				guard.ServeHTTP(w, c.r)
			}
		})
	}
}
