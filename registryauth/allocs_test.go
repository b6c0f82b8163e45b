package registryauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// What a guard adds to the allocations of a GET, beyond what the Manager makes
// to decide on it: the request that goes on, of its own and with headers of
// its own, and what the client is and asks. A number that goes up is a cost on
// every request; one that goes down is to be written here.
func TestAllocationsOfAGET(t *testing.T) {
	m, robot := newRobot(t)
	tokens, err := registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{Issuer: issuer, Service: service})
	require.NoError(t, err)
	passed := 0
	guard, err := registryauth.NewGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }), m,
		&registryauth.GuardOptions{TokenServer: tokens})
	require.NoError(t, err)
	w := &world{t: t, manager: m, tokens: tokens, guard: guard}

	name, secret := robot.Name, robot.Password.Reveal()
	login := func() regtoken.Login { return regtoken.Login{Name: name, Password: regtoken.NewPassword(secret)} }
	grant, err := m.Authenticate(t.Context(), login())
	require.NoError(t, err)
	token, proved := grant.Token(), grant.Secret()
	raw := w.jwt(login(), "repository:team/app:pull")

	for _, scheme := range []struct {
		name    string
		request func(*http.Request)
		grant   func() (*regtoken.Grant, error)
		adds    int
	}{{
		name:    "Basic",
		request: func(r *http.Request) { r.SetBasicAuth(name, secret) },
		grant:   func() (*regtoken.Grant, error) { return m.Authenticate(t.Context(), login()) },
		adds:    5,
	}, {
		name:    "Bearer",
		request: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+raw) },
		grant:   func() (*regtoken.Grant, error) { return m.GrantFor(t.Context(), token.ID, proved.ID) },
		adds:    4,
	}} {
		for _, target := range []string{"/v2/team/app/manifests/latest", "/v2/team/app/blobs/" + digest} {
			t.Run(scheme.name+target, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodGet, target, nil)
				r.Header.Set("Accept", "application/json")
				r.Header.Set("User-Agent", "docker")
				scheme.request(r)
				answer := httptest.NewRecorder()
				passed = 0
				whole := testing.AllocsPerRun(200, func() { guard.ServeHTTP(answer, r) })
				require.Equal(t, 201, passed)
				decision := testing.AllocsPerRun(200, func() {
					grant, err := scheme.grant()
					if err != nil || grant.Authorize("team/app", regtoken.Pull) != nil {
						t.Error("the token may pull")
					}
				})
				t.Logf("%v in all, %v by the Manager", whole, decision)
				require.Equal(t, scheme.adds, int(whole-decision))
			})
		}
	}
}
