package registryauth_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// bearer sends a request with a Bearer token.
func (w *world) bearer(method, target, raw string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	return w.serve(r)
}

// jwt gets a JWT for these scopes.
func (w *world) jwt(login regtoken.Login, scopes ...string) string {
	w.t.Helper()
	raw, _ := requireJWT(w.t, w.get(&login, url.Values{"service": {service}, "scope": scopes}.Encode()))
	return raw
}

func challengeOf(answer *httptest.ResponseRecorder) string {
	return strings.Join(answer.Header()["Www-Authenticate"], "\n")
}

func TestBearerChallenge(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	const base = `Bearer realm="http://example.com/token",service="registry.example.com"`
	for request, scope := range map[string]string{
		"GET /v2/":                                               "",
		"HEAD /v2/":                                              "",
		"GET /v2/_catalog":                                       "registry:catalog:*",
		"GET /v2/team/app/manifests/x":                           "repository:team/app:pull",
		"GET /v2/team/app/tags/list":                             "repository:team/app:pull",
		"PUT /v2/team/app/manifests/x":                           "repository:team/app:pull,push",
		"DELETE /v2/team/app/manifests/x":                        "repository:team/app:delete",
		"POST /v2/team/app/blobs/uploads/":                       "repository:team/app:pull,push",
		"PATCH /v2/team/app/blobs/uploads/1":                     "repository:team/app:pull,push",
		"POST /v2/app/blobs/uploads/?mount=x&from=base":          "repository:app:pull,push repository:base:pull",
		"POST /v2/app/blobs/uploads/?mount=x&from=app":           "repository:app:pull,push",
		"POST /v2/app/blobs/uploads/?mount=x&from=b&from=a":      "repository:app:pull,push repository:a:pull repository:b:pull",
		"POST /v2/app/blobs/uploads/?mount=x&from=":              "repository:app:pull,push",
		"POST /v2/app/blobs/uploads/?mount=x&from=a%22,b&from=c": "repository:app:pull,push repository:c:pull",
		"POST /v2/app/blobs/uploads/?mount=x&from=a%20b:pull":    "repository:app:pull,push",
	} {
		method, target, _ := strings.Cut(request, " ")
		want := base
		if scope != "" {
			want += `,scope="` + scope + `"`
		}
		answer := w.do(method, target)
		require.Equal(t, want, challengeOf(answer), request)
		requireRefusal(t, answer, http.StatusUnauthorized, "UNAUTHORIZED")

		answer = w.bearer(method, target, "junk")
		require.Equal(t, want+`,error="invalid_token"`, challengeOf(answer), request)
		require.Equal(t, http.StatusUnauthorized, answer.Code)

		answer = w.do(method, target, regtoken.Login{Name: "robot"})
		if answer.Code != http.StatusTooManyRequests {
			require.Equal(t, want, challengeOf(answer), "a wrong login: %s", request)
		}
	}
	require.Empty(t, w.passed)
}

// Every client follows the challenge, whatever it asked for.
func TestFollowingTheChallenge(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	w.answer = func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{"repositories":[]}`) }
	login := w.login("robot", "repository:*:pull,push,admin", "registry:team/*:list")
	weak := w.jwt(login)
	for _, request := range []string{
		"GET /v2/", "GET /v2/_catalog", "GET /v2/app/manifests/x", "PUT /v2/app/manifests/x", "DELETE /v2/app/manifests/x",
		"POST /v2/app/blobs/uploads/?mount=x&from=a&from=b", "GET /v2/app/blobs/uploads/1", "GET /v2/app/referrers/" + digest,
	} {
		method, target, _ := strings.Cut(request, " ")
		answer := w.bearer(method, target, weak)
		if target == "/v2/" {
			require.Equal(t, http.StatusOK, answer.Code)
			continue
		}
		requireRefusal(t, answer, http.StatusUnauthorized, "UNAUTHORIZED")
		challenge := challengeOf(answer)
		require.Contains(t, challenge, `,error="insufficient_scope"`)
		_, scope, ok := strings.Cut(challenge, `scope="`)
		require.True(t, ok)
		scope, _, _ = strings.Cut(scope, `"`)
		require.Equal(t, http.StatusOK, w.bearer(method, target, w.jwt(login, scope)).Code, request)
	}
}

// The largest request there can be gets a JWT that the guard still takes.
func TestManyLongScopes(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:*:pull,push,admin", "registry:*:list")
	scopes := []string{"registry:catalog:*"}
	for i := range 99 {
		scopes = append(scopes, fmt.Sprintf("repository:%03d%s:*", i, strings.Repeat("a", 252)))
	}
	answer := w.post(formOf(login, scopes...))
	raw, p := requireJWT(t, answer)
	require.Len(t, p.Access, 100)
	require.Less(t, len(raw), 60<<10)
	require.Equal(t, http.StatusOK, w.bearer("DELETE", "/v2/098"+strings.Repeat("a", 252)+"/manifests/x", raw).Code)
}

func TestJWTIsABound(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:app:pull,push", "repository:base:pull", "registry:*:list")
	pull, push := w.jwt(login, "repository:app:pull"), w.jwt(login, "repository:app:push")
	both, all := w.jwt(login, "repository:app:pull,push"), w.jwt(login, "repository:app:* repository:base:* repository:other:* registry:catalog:*")
	for _, c := range []struct {
		raw, request string
		status       int
	}{
		{pull, "GET /v2/app/manifests/x", 200},
		{pull, "PUT /v2/app/manifests/x", 401},
		{push, "PUT /v2/app/manifests/x", 401},
		{push, "GET /v2/app/manifests/x", 401},
		{both, "PUT /v2/app/manifests/x", 200},
		{both, "GET /v2/base/manifests/x", 401},
		{both, "GET /v2/_catalog", 401},
		{both, "POST /v2/app/blobs/uploads/?mount=x&from=base", 401},
		{all, "POST /v2/app/blobs/uploads/?mount=x&from=base", 200},

		// Where a better JWT is of no use the client must not go and get one.
		{pull, "DELETE /v2/app/manifests/x", 403},
		{all, "DELETE /v2/app/manifests/x", 403},
		{pull, "GET /v2/other/manifests/x", 403},
		{pull, "PUT /v2/base/manifests/x", 403},
		{both, "POST /v2/app/blobs/uploads/?mount=x&from=other", 403},
		{both, "POST /v2/app/blobs/uploads/?mount=x&from=base&from=other", 403},
		{both, "POST /v2/app/blobs/uploads/?mount=x&from=..", 403},
		{both, "POST /v2/base/blobs/uploads/?mount=x&from=app", 403},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		answer := w.bearer(method, target, c.raw)
		require.Equal(t, c.status, answer.Code, c.request)
		require.Equal(t, c.status == 401, strings.Contains(challengeOf(answer), `error="insufficient_scope"`))
	}
}

func TestInsufficientScopeIsObserved(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:app:pull,push", "registry:*:list")
	raw := w.jwt(login, "repository:app:pull")
	w.events = nil
	w.bearer("PUT", "/v2/app/manifests/x", raw)
	w.bearer("GET", "/v2/_catalog", raw)
	w.bearer("GET", "/v2/app/manifests/x", raw)
	w.bearer("GET", "/v2/app/manifests/x", raw[:len(raw)-1])
	var got []string
	for _, e := range w.events {
		require.Equal(t, "192.0.2.1", e.Actor)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %v %s", e.Operation, e.Outcome, e.TokenName, e.Path, e.Action, e.Reason)))
	}
	require.Equal(t, []string{
		"authenticate succeeded robot  none",
		"authorize denied robot app pull,push bearer token was not asked for this",
		"authenticate succeeded robot  none",
		"authorize denied robot  list bearer token was not asked for this",
		"authenticate succeeded robot  none",
		"authorize succeeded robot app pull",
		"authenticate denied   none bearer token is invalid",
	}, got)
}

// All that ends a password ends the JWTs that were got with it.
func TestLiveStateCutsAJWT(t *testing.T) {
	type change func(*testing.T, *world, regtoken.Token)
	edit := func(e regtoken.Edit) change {
		return func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.EditToken(t.Context(), token.ID, e)
			require.NoError(t, err)
		}
	}
	for name, c := range map[string]struct {
		change change
		status int
	}{
		"nothing":  {func(*testing.T, *world, regtoken.Token) {}, 200},
		"disabled": {edit(regtoken.Edit{Status: regtoken.Disabled}), 401},
		"deleted": {func(t *testing.T, w *world, token regtoken.Token) {
			require.NoError(t, w.manager.DeleteToken(t.Context(), token.ID))
		}, 401},
		"deleted and its name taken": {func(t *testing.T, w *world, token regtoken.Token) {
			require.NoError(t, w.manager.DeleteToken(t.Context(), token.ID))
			w.login("robot", "repository:*:pull,push,admin")
		}, 401},
		"rotated": {func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.RotateSecret(t.Context(), token.ID, 0)
			require.NoError(t, err)
		}, 401},
		"rotated with overlap": {func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.RotateSecret(t.Context(), token.ID, time.Hour)
			require.NoError(t, err)
		}, 200},
		"overlap over": {func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.RotateSecret(t.Context(), token.ID, time.Minute)
			require.NoError(t, err)
			w.now = w.now.Add(time.Minute)
		}, 401},
		"overlap ended early": {func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.RotateSecret(t.Context(), token.ID, time.Hour)
			require.NoError(t, err)
			_, err = w.manager.RetireOldSecret(t.Context(), token.ID)
			require.NoError(t, err)
		}, 401},
		"narrowed": {func(t *testing.T, w *world, token regtoken.Token) {
			_, err := w.manager.RemoveAllScopes(t.Context(), token.ID)
			require.NoError(t, err)
		}, 403},
		"store down": {func(_ *testing.T, w *world, _ regtoken.Token) { w.store.err = errors.New("down") }, 503},
		"JWT over":   {func(_ *testing.T, w *world, _ regtoken.Token) { w.now = w.now.Add(5 * time.Minute) }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
			login := w.login("robot", "repository:app:pull")
			token, err := w.manager.TokenByName(t.Context(), "robot")
			require.NoError(t, err)
			raw := w.jwt(login, "repository:app:pull")
			require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/app/manifests/x", raw).Code)
			c.change(t, w, token)
			answer := w.bearer("GET", "/v2/app/manifests/x", raw)
			require.Equal(t, c.status, answer.Code)
			require.Equal(t, c.status == 401, strings.Contains(challengeOf(answer), `error="invalid_token"`))
		})
	}
}

func TestClockOfAJWT(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot")
	raw := w.jwt(login)
	issued := w.now
	for after, status := range map[time.Duration]int{
		-time.Minute - time.Second: 401, -time.Minute: 200, 0: 200,
		5*time.Minute - time.Nanosecond: 200, 5 * time.Minute: 401, time.Hour: 401,
	} {
		w.now = issued.Add(after)
		require.Equal(t, status, w.bearer("GET", "/v2/", raw).Code, after)
	}

	// The guard's own clock counts, where it has one.
	guard, err := registryauth.NewGuard(http.HandlerFunc(w.registry), w.manager, &registryauth.GuardOptions{
		TokenServer: w.tokens, Now: func() time.Time { return issued },
	})
	require.NoError(t, err)
	w.guard = guard
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)
}

func TestBasicStaysGood(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:app:pull")
	require.Equal(t, http.StatusOK, w.do("GET", "/v2/", login).Code)
	require.Equal(t, http.StatusOK, w.do("GET", "/v2/app/manifests/x", login).Code)
	require.Equal(t, http.StatusForbidden, w.do("PUT", "/v2/app/manifests/x", login).Code)
}

func TestBearerNeverTravelsOn(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot"))
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		r.Header.Set("Authorization", scheme+" "+raw)
		require.Equal(t, http.StatusOK, w.serve(r).Code)
	}
	for _, r := range w.passed {
		require.Empty(t, r.Header)
	}
}

func TestGuardServesItsTokenServer(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot")
	requireJWT(t, w.do("GET", registryauth.TokenPath+"?service="+service, login))
	require.Equal(t, w.tokens.Keys().MarshalJWKS(), w.do("GET", registryauth.JWKSPath).Body.Bytes())
	for _, target := range []string{"/token/", "/%74oken", "/token%2fjwks", "//token", "/v2/../token", "/TOKEN", "/token/jwks/"} {
		requireRefusal(t, w.do("GET", target, login), http.StatusNotFound, "NAME_UNKNOWN")
	}
	plain := newWorld(t, nil)
	requireRefusal(t, plain.do("GET", "/token"), http.StatusNotFound, "NAME_UNKNOWN")
	requireRefusal(t, plain.bearer("GET", "/v2/", w.jwt(login)), http.StatusUnauthorized, "UNAUTHORIZED")
	require.Empty(t, w.passed)
	require.Empty(t, plain.passed)
}

func TestRealmOfTheChallenge(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		url       string // GuardOptions.TokenURL
		host      string
		tls       bool
		peer      string
		forwarded []string
		realm     string // "": 400
	}{
		{host: "registry.example.com", realm: "http://registry.example.com/token"},
		{host: "registry.example.com", tls: true, realm: "https://registry.example.com/token"},
		{host: "Registry:5000", realm: "http://Registry:5000/token"},
		{host: "127.0.0.1:5000", realm: "http://127.0.0.1:5000/token"},
		{host: "[::1]:5000", tls: true, realm: "https://[::1]:5000/token"},
		{host: "[2001:db8::1]", realm: "http://[2001:db8::1]/token"},
		{host: "x", peer: "10.1.2.3:4", forwarded: []string{"https"}, realm: "https://x/token"},
		{host: "x", peer: "10.1.2.3:4", forwarded: []string{"http"}, realm: "http://x/token"},
		{host: "x", peer: "10.1.2.3:4", forwarded: []string{"https", "http"}, realm: "http://x/token"},
		{host: "x", peer: "10.1.2.3:4", forwarded: []string{`https://evil/?"`}, realm: "http://x/token"},
		{host: "x", peer: "192.0.2.1:4", forwarded: []string{"https"}, realm: "http://x/token"},
		{host: "x", peer: "@", forwarded: []string{"https"}, realm: "http://x/token"},
		{host: "x", tls: true, peer: "10.1.2.3:4", forwarded: []string{"http"}, realm: "https://x/token"},
		{url: "https://auth.example.com/v1/token", host: "x", realm: "https://auth.example.com/v1/token"},
		{url: "https://auth.example.com/token", host: `evil"`, tls: true, realm: "https://auth.example.com/token"},
		{url: "http://[::1]:5000/token", host: "x", realm: "http://[::1]:5000/token"},

		{host: ""}, {host: `a",realm="https://evil`}, {host: "a b"}, {host: "a/b"}, {host: "user@host"}, {host: "a\\b"},
		{host: "a?b"}, {host: "a#b"}, {host: "a%41"}, {host: "é"}, {host: "-a"}, {host: "a-"}, {host: "a."}, {host: "a..b"},
		{host: "a:"}, {host: "a:b"}, {host: "a:123456"}, {host: "::1"}, {host: "[::1"}, {host: "[1.2.3.4]"}, {host: "[fe80::1%25eth0]"},
		{host: "[]"}, {host: "a\r\nb"}, {host: "a\x00"}, {host: "a,b"}, {host: strings.Repeat("a", 262)}, {host: "a:80:80"},
	} {
		t.Run(c.url+c.host, func(t *testing.T) {
			w := newBearerWorld(t, registryauth.TokenServerOptions{TrustedProxies: proxies}, registryauth.GuardOptions{TokenURL: c.url})
			r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
			r.Host = c.host
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if c.peer != "" {
				r.RemoteAddr = c.peer
			}
			r.Header["X-Forwarded-Proto"] = c.forwarded
			r.Header["X-Forwarded-Host"] = []string{"evil.example"}
			answer := w.serve(r)
			if c.realm == "" {
				require.NotContains(t, answer.Body.String(), "evil")
				requireRefusal(t, answer, http.StatusBadRequest, "UNSUPPORTED")
				return
			}
			require.Equal(t, `Bearer realm="`+c.realm+`",service="registry.example.com"`, challengeOf(answer))
		})
	}
}

func TestNewGuardRefusesWithTokenServer(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	for _, c := range []struct {
		options registryauth.GuardOptions
		field   string
	}{
		{registryauth.GuardOptions{TokenURL: "https://example.com/token"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "/token"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "ftp://example.com/token"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "https:///token"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "https://a:b@example.com/token"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: `https://example.com/"`}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "https://example.com/?x"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TokenURL: "https://example.com/#x"}, "GuardOptions.TokenURL"},
		{registryauth.GuardOptions{TokenServer: w.tokens, FailedLogins: 1}, "GuardOptions.TokenServer"},
		{registryauth.GuardOptions{TokenServer: w.tokens, FailedLoginInterval: 1}, "GuardOptions.TokenServer"},
		{registryauth.GuardOptions{TokenServer: w.tokens, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "GuardOptions.TokenServer"},
	} {
		_, err := registryauth.NewGuard(http.NotFoundHandler(), w.manager, &c.options)
		var field regtoken.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, c.field, field.Field)
	}
}
