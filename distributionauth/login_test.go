package distributionauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
)

// edit changes the token of a login.
func (s *site) edit(login regtoken.Login, edit regtoken.Edit) {
	s.t.Helper()
	token, err := s.manager.TokenByName(s.t.Context(), login.Name)
	require.NoError(s.t, err)
	_, err = s.manager.EditToken(s.t.Context(), token.ID, edit)
	require.NoError(s.t, err)
}

func TestLoginsThatAreRefused(t *testing.T) {
	s := newSite(t)
	const everything = "repository:*:pull,push,admin"
	good := s.login("good", everything)
	disabled := s.login("disabled", everything)
	s.edit(disabled, regtoken.Edit{Status: regtoken.Disabled})
	deleted := s.login("deleted", everything)
	require.NoError(t, s.delete(deleted))
	_, elsewhere, err := s.manager.Registry("elsewhere").CreateToken(t.Context(), regtoken.TokenSpec{
		Name: "foreign", Scopes: []regtoken.Scope{regtoken.RepositoryScope("*", regtoken.Pull)},
	})
	require.NoError(t, err)

	for _, row := range []struct {
		name   string
		header []string
	}{
		{"none", nil},
		{"a wrong password", basic(regtoken.Login{Name: "good", Password: regtoken.NewPassword("wrong")})},
		{"another's password", basic(regtoken.Login{Name: "good", Password: disabled.Password})},
		{"an unknown name", basic(regtoken.Login{Name: "unknown", Password: good.Password})},
		{"a password as the name", basic(regtoken.Login{Name: good.Password.Reveal()})},
		{"disabled", basic(disabled)},
		{"deleted", basic(deleted)},
		{"of another registry", basic(elsewhere.Login())},
		{"Bearer", []string{"Bearer " + good.Password.Reveal()}},
		{"no base64", []string{"Basic !"}},
		{"two headers", append(basic(good), basic(good)...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, target := range []string{"/v2/", "/v2/team/app/manifests/v1", "/v2/_catalog"} {
				for _, address := range []string{s.handled, s.bare} {
					r := s.request(address, http.MethodGet, target, "", nil)
					r.Header["Authorization"] = row.header
					got := s.do(r)
					requireRefusal(t, got, http.StatusUnauthorized, "UNAUTHORIZED")
					require.Equal(t, `Basic realm="regtoken"`, got.header.Get("WWW-Authenticate"))
				}
			}
		})
	}
	require.Equal(t, http.StatusOK, s.get("/v2/team/app/manifests/v1", good).status)
	events := s.told()
	for _, login := range []regtoken.Login{good, disabled, deleted, elsewhere.Login()} {
		require.NotContains(t, logged.String(), login.Password.Reveal())
		for _, e := range events {
			require.NotContains(t, e.TokenName, login.Password.Reveal())
		}
	}
}

// basic returns the values of an Authorization header.
func basic(login regtoken.Login) []string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	return r.Header["Authorization"]
}

// TestChangesTakeEffectAtOnce is about a token in the middle of its use.
func TestChangesTakeEffectAtOnce(t *testing.T) {
	const target = "/v2/team/app/manifests/v1"
	for _, row := range []struct {
		name   string
		change func(*testing.T, *site, regtoken.Token)
		status int
	}{
		{"disabled", func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		}, http.StatusUnauthorized},
		{"expired", func(_ *testing.T, s *site, token regtoken.Token) {
			s.setNow(token.ExpiresAt)
		}, http.StatusUnauthorized},
		{"deleted", func(t *testing.T, s *site, token regtoken.Token) {
			require.NoError(t, s.manager.DeleteToken(t.Context(), token.ID))
		}, http.StatusUnauthorized},
		{"rotated", func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.RotateSecret(t.Context(), token.ID, 0)
			require.NoError(t, err)
		}, http.StatusUnauthorized},
		{"rotated with an overlap", func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.RotateSecret(t.Context(), token.ID, time.Hour)
			require.NoError(t, err)
		}, http.StatusOK},
		{"past the overlap", func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.RotateSecret(t.Context(), token.ID, time.Minute)
			require.NoError(t, err)
			s.setNow(s.now.Load().Add(time.Minute))
		}, http.StatusUnauthorized},
		{"narrowed", func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.RemoveAllScopes(t.Context(), token.ID)
			require.NoError(t, err)
		}, http.StatusForbidden},
		{"the store down", func(_ *testing.T, s *site, _ regtoken.Token) {
			s.store.down.Store(true)
		}, http.StatusServiceUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			token, credential, err := s.manager.CreateToken(t.Context(), regtoken.TokenSpec{
				Name:   "robot",
				Expiry: s.now.Load().Add(2 * time.Hour),
				Scopes: []regtoken.Scope{regtoken.RepositoryScope("*", regtoken.Pull)},
			})
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, s.get(target, credential.Login()).status)
			row.change(t, s, token)
			require.Equal(t, row.status, s.get(target, credential.Login()).status)
		})
	}
}

// TestStoreDown: clients drop a password that a 401 answers.
func TestStoreDown(t *testing.T) {
	s := newSite(t)
	s.store.down.Store(true)
	for _, target := range []string{"/v2/", "/v2/_catalog", "/v2/team/app/manifests/v1"} {
		got := s.get(target, s.root)
		requireRefusal(t, got, http.StatusServiceUnavailable, "UNAVAILABLE")
		require.NotContains(t, got.body, errDown.Error())
		requireBareRefusal(t, s.do(s.request(s.bare, http.MethodGet, target, "", nil, s.root)))
		requireRefusal(t, s.get(target), http.StatusUnauthorized, "UNAUTHORIZED") // it need not be asked
	}
	s.store.down.Store(false)
	require.Equal(t, http.StatusOK, s.get("/v2/", s.root).status)
}

func TestARegistryOfSeveral(t *testing.T) {
	s := newSite(t)
	app := newApp(t, distributionauth.Auth(s.manager.Registry("elsewhere"), &distributionauth.Options{Realm: "Elsewhere, Inc."}))
	_, credential, err := s.manager.Registry("elsewhere").CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)
	for _, row := range []struct {
		login  regtoken.Login
		status int
	}{{credential.Login(), http.StatusOK}, {s.root, http.StatusUnauthorized}} {
		r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		r.SetBasicAuth(row.login.Name, row.login.Password.Reveal())
		answer := httptest.NewRecorder()
		app.ServeHTTP(answer, r)
		require.Equal(t, row.status, answer.Code)
		if row.status == http.StatusUnauthorized {
			require.Equal(t, `Basic realm="Elsewhere, Inc."`, answer.Header().Get("WWW-Authenticate"))
		}
	}
}

func TestTheErrorsOfAuthorized(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	login := s.login("robot", "repository:team/app:pull")
	pull := auth.Access{Resource: auth.Resource{Type: "repository", Name: "team/app"}, Action: "pull"}
	push := auth.Access{Resource: auth.Resource{Type: "repository", Name: "team/app"}, Action: "push"}

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	grant, err := controller.Authorized(r, pull)
	require.Nil(t, grant)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	require.NotErrorIs(t, err, regtoken.ErrDenied)
	require.True(t, isChallenge(err))

	r.SetBasicAuth(login.Name, login.Password.Reveal())
	grant, err = controller.Authorized(r, pull, push)
	require.Nil(t, grant)
	require.ErrorIs(t, err, regtoken.ErrDenied)
	require.False(t, isChallenge(err))

	s.store.down.Store(true)
	grant, err = controller.Authorized(r, pull)
	require.Nil(t, grant)
	require.ErrorIs(t, err, regtoken.ErrUnavailable)
	require.False(t, isChallenge(err))
}

func isChallenge(err error) bool {
	var challenge auth.Challenge
	return errors.As(err, &challenge)
}
