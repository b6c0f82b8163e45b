package registryauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// What the guard adds to a request, in front of a registry that does nothing.
func BenchmarkGuard(b *testing.B) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(b, err)
	_, credential, err := m.CreateToken(b.Context(), regtoken.TokenSpec{Name: "robot", Scopes: []regtoken.Scope{
		regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
	}})
	require.NoError(b, err)
	guard, err := registryauth.NewGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), m, nil)
	require.NoError(b, err)
	for _, c := range []struct{ name, method, target, password string }{
		{"ping", "GET", "/v2/", credential.Password.Reveal()},
		{"pull", "GET", "/v2/team/app/blobs/" + digest, credential.Password.Reveal()},
		{"mount", "POST", "/v2/team/app/blobs/uploads/?mount=" + digest + "&from=team%2Fbase", credential.Password.Reveal()},
		{"anonymous", "GET", "/v2/", ""},
		{"unknown path", "GET", "/v2/team/app/blobs/latest", credential.Password.Reveal()},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(c.method, c.target, nil)
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
