package registryauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
	"github.com/regtoken/regtoken/store"
)

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestRights(t *testing.T) {
	for _, c := range []struct {
		requests []string // method and target
		may      []string // scopes that suffice, and no less does
		lacking  [][]string
	}{{
		requests: []string{"GET /v2/", "HEAD /v2/", "GET /v2", "HEAD /v2"},
	}, {
		requests: []string{
			"GET /v2/team/app/manifests/latest", "HEAD /v2/team/app/manifests/latest",
			"GET /v2/team/app/manifests/" + digest, "HEAD /v2/team/app/manifests/" + digest,
			"GET /v2/team/app/blobs/" + digest, "HEAD /v2/team/app/blobs/" + digest,
			"GET /v2/team/app/tags/list", "GET /v2/team/app/tags/list?n=3",
			"GET /v2/team/app/referrers/" + digest,
		},
		may: []string{"repository:team/app:pull"},
		lacking: [][]string{
			{}, {"repository:team/app:admin"}, {"registry:*:list"},
			{"repository:team/ap:pull"}, {"repository:team/app/*:pull"}, {"repository:app:pull"},
		},
	}, {
		requests: []string{
			"PUT /v2/team/app/manifests/latest", "PUT /v2/team/app/manifests/" + digest,
			"POST /v2/team/app/blobs/uploads/", "POST /v2/team/app/blobs/uploads/?digest=" + digest,
			"POST /v2/team/app/blobs/uploads/?mount=" + digest,
			"GET /v2/team/app/blobs/uploads/1", "PATCH /v2/team/app/blobs/uploads/1",
			"PUT /v2/team/app/blobs/uploads/1?digest=" + digest, "DELETE /v2/team/app/blobs/uploads/1",
		},
		may: []string{"repository:team/app:pull,push"},
		lacking: [][]string{
			{}, {"repository:team/app:pull,admin"}, {"repository:team/app:admin"},
			{"repository:team/app:pull", "repository:team/other:pull,push"},
		},
	}, {
		requests: []string{
			"DELETE /v2/team/app/manifests/latest", "DELETE /v2/team/app/manifests/" + digest,
			"DELETE /v2/team/app/blobs/" + digest,
		},
		may:     []string{"repository:team/app:admin"},
		lacking: [][]string{{}, {"repository:team/app:pull,push"}},
	}, {
		requests: []string{
			"POST /v2/team/app/blobs/uploads/?mount=" + digest + "&from=base",
			"POST /v2/team/app/blobs/uploads/?from=base",
			"POST /v2/team/app/blobs/uploads/?mount=" + digest + "&from=team%2Fapp&from=base",
			"POST /v2/team/app/blobs/uploads/?mount=" + digest + "&from=base&from=team%2Fapp",
			"PUT /v2/team/app/blobs/uploads/1?digest=" + digest + "&from=base",
		},
		may: []string{"repository:team/app:pull,push", "repository:base:pull"},
		lacking: [][]string{
			{"repository:team/app:pull,push"}, {"repository:team/app:pull,push", "repository:base:admin"},
			{"repository:team/app:pull", "repository:base:pull,push"}, {"repository:base:pull,push"},
		},
	}} {
		for i, request := range c.requests {
			t.Run(request, func(t *testing.T) {
				w := newWorld(t, nil)
				method, target, _ := strings.Cut(request, " ")
				answer := w.do(method, target, w.login("may", c.may...))
				require.Equal(t, http.StatusOK, answer.Code, "%d: %s", i, answer.Body)
				require.Len(t, w.passed, 1)
				require.Equal(t, method, w.passed[0].Method)
				require.Equal(t, target, w.passed[0].URL.String())
				require.Equal(t, target, w.passed[0].RequestURI)

				for _, scopes := range c.lacking {
					login := w.login("lacking")
					token, err := w.manager.TokenByName(t.Context(), login.Name)
					require.NoError(t, err)
					for _, text := range scopes {
						scope, err := regtoken.ParseScope(text)
						require.NoError(t, err)
						_, err = w.manager.AddScopes(t.Context(), token.ID, scope)
						require.NoError(t, err)
					}
					requireRefusal(t, w.do(method, target, login), http.StatusForbidden, "DENIED")
					require.NoError(t, w.manager.DeleteToken(t.Context(), token.ID))
				}
				requireRefusal(t, w.do(method, target), http.StatusUnauthorized, "UNAUTHORIZED")
				requireRefusal(t, w.do(method, target, regtoken.Login{Name: "may"}), http.StatusUnauthorized, "UNAUTHORIZED")
				require.Len(t, w.passed, 1, "what is refused is never passed on")
			})
		}
	}
}

func TestRightsAddUp(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:team/*:pull", "repository:*/app:pull,push", "repository:team/app:admin")
	for _, request := range []string{"PUT /v2/team/app/manifests/x", "DELETE /v2/team/app/manifests/x", "GET /v2/team/lib/manifests/x", "POST /v2/x/app/blobs/uploads/?from=team%2Flib"} {
		method, target, _ := strings.Cut(request, " ")
		require.Equal(t, http.StatusOK, w.do(method, target, login).Code, request)
	}
	requireRefusal(t, w.do("PUT", "/v2/team/lib/manifests/x", login), http.StatusForbidden, "DENIED")
}

func TestEveryDecisionIsObserved(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:app:pull,push", "repository:base:pull")
	w.events = nil
	r := httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?mount=x&from=base&from=other&from=base", nil)
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	r.RemoteAddr = "192.0.2.7:4321"
	requireRefusal(t, w.serve(r), http.StatusForbidden, "DENIED")
	type told struct {
		operation regtoken.Operation
		outcome   regtoken.Outcome
		path      string
		action    regtoken.Action
		actor     string
	}
	var got []told
	for _, e := range w.events {
		got = append(got, told{e.Operation, e.Outcome, e.Path, e.Action, e.Actor})
	}
	require.Equal(t, []told{
		{regtoken.OpAuthenticate, regtoken.Succeeded, "", 0, "192.0.2.7"},
		{regtoken.OpAuthorize, regtoken.Succeeded, "app", regtoken.Push | regtoken.Pull, "192.0.2.7"},
		{regtoken.OpAuthorize, regtoken.Succeeded, "base", regtoken.Pull, "192.0.2.7"},
		{regtoken.OpAuthorize, regtoken.Denied, "other", regtoken.Pull, "192.0.2.7"},
	}, got)
}

func TestActorOfTheContextStays(t *testing.T) {
	w := newWorld(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r = r.WithContext(regtoken.WithActor(r.Context(), "front door"))
	r.SetBasicAuth("nobody", "x")
	w.serve(r)
	require.Len(t, w.events, 1)
	require.Equal(t, "front door", w.events[0].Actor)
}

func TestShapeNeedsNoCredentials(t *testing.T) {
	w := newWorld(t, nil)
	requireRefusal(t, w.do("GET", "/v2/a/../b/manifests/x"), http.StatusNotFound, "NAME_UNKNOWN")
	requireRefusal(t, w.do("GET", "/"), http.StatusNotFound, "NAME_UNKNOWN")
	requireRefusal(t, w.do("OPTIONS", "*"), http.StatusNotFound, "NAME_UNKNOWN")
	requireRefusal(t, w.do("GET", "/v2/a%2fb/manifests/x"), http.StatusNotFound, "NAME_UNKNOWN")
	answer := w.do("POST", "/v2/a/manifests/x")
	require.Equal(t, "GET, HEAD, PUT, DELETE", answer.Header().Get("Allow"))
	requireRefusal(t, answer, http.StatusMethodNotAllowed, "UNSUPPORTED")
	requireRefusal(t, w.do("CONNECT", "/v2/"), http.StatusMethodNotAllowed, "UNSUPPORTED")
	requireRefusal(t, w.do("GET", "/v2/?a;b"), http.StatusBadRequest, "UNSUPPORTED")
	r := httptest.NewRequest(http.MethodPost, "/v2/a/blobs/uploads/?mount=x", strings.NewReader("from=secret"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	requireRefusal(t, w.serve(r), http.StatusUnsupportedMediaType, "UNSUPPORTED")
	require.Zero(t, w.store.asked)
	require.Empty(t, w.passed)
}

func TestUnreadableCredentials(t *testing.T) {
	w := newWorld(t, nil)
	good := w.login("robot")
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	valid := basic(good.Name + ":" + good.Password.Reveal())
	for _, values := range [][]string{
		{}, {""}, {"Basic"}, {"Basic "}, {"Basic ###"}, {basic("no colon")}, {basic(":")}, {basic("robot:")},
		{basic("robot\x00:" + good.Password.Reveal())}, {basic("robot:" + good.Password.Reveal() + "\x00")},
		{basic(good.Password.Reveal() + ":robot")}, {basic("\xff\xfe:\xff")}, {valid[:len(valid)-5]},
		{"Bearer " + good.Password.Reveal()}, {"Digest " + valid[6:]}, {valid[6:]}, {" " + valid},
		{valid, valid}, {valid, "Bearer x"}, {"Bearer x", valid}, {"", valid}, {valid + ", " + valid},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		r.Header["Authorization"] = values
		requireRefusal(t, w.serve(r), http.StatusUnauthorized, "UNAUTHORIZED")
	}
	require.Empty(t, w.passed)

	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r.Header["Authorization"] = []string{"bAsIc " + valid[6:]}
	require.Equal(t, http.StatusOK, w.serve(r).Code, "the scheme's name has no case")
}

func TestLoginsThatAreOver(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:app:pull")
	token, err := w.manager.TokenByName(t.Context(), "robot")
	require.NoError(t, err)
	get := func() int { return w.do("GET", "/v2/app/tags/list", login).Code }
	require.Equal(t, http.StatusOK, get())

	_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, get())
	_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled, Expiry: regtoken.SetExpiry(w.now.Add(time.Hour))})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, get())
	w.now = w.now.Add(time.Hour)
	require.Equal(t, http.StatusUnauthorized, get())
}

// A token may expire between being let in and being asked about.
func TestExpiryWhileAsked(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:app:pull")
	token, err := w.manager.TokenByName(t.Context(), "robot")
	require.NoError(t, err)
	_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetExpiry(w.now.Add(time.Hour))})
	require.NoError(t, err)

	var m *regtoken.Manager
	m, err = regtoken.NewManager(w.store, &regtoken.Options{
		Now: func() time.Time { return w.now },
		Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) {
			if e.Operation == regtoken.OpAuthenticate {
				w.now = w.now.Add(time.Hour)
			}
		}},
	})
	require.NoError(t, err)
	w.guard, err = registryauth.NewGuard(http.NotFoundHandler(), m, nil)
	require.NoError(t, err)
	requireRefusal(t, w.do("GET", "/v2/app/tags/list", login), http.StatusUnauthorized, "UNAUTHORIZED")
}

func TestStoreTrouble(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:*:pull", "registry:*:list")
	for _, trouble := range []error{store.ErrUnavailable, store.ErrClosed, context.DeadlineExceeded, errors.New("disk on fire at 10.0.0.3"), store.ErrInvalid} {
		w.store.err = trouble
		for _, target := range []string{"/v2/", "/v2/app/tags/list", "/v2/_catalog"} {
			answer := w.do("GET", target, login)
			require.NotContains(t, answer.Body.String(), "10.0.0.3")
			requireRefusal(t, answer, http.StatusServiceUnavailable, "UNAVAILABLE")
		}
	}
	requireRefusal(t, w.do("GET", "/v2/"), http.StatusUnauthorized, "UNAUTHORIZED")
	w.store.err = nil
	require.Equal(t, http.StatusOK, w.do("GET", "/v2/", login).Code, "trouble is no failed login")
	require.Len(t, w.passed, 1)

	invalid, err := registryauth.NewGuard(http.NotFoundHandler(), w.manager.Registry("no name!"), nil)
	require.NoError(t, err)
	w.guard = invalid
	requireRefusal(t, w.do("GET", "/v2/", login), http.StatusServiceUnavailable, "UNAVAILABLE")
}

func TestHeadIsAnsweredLikeGet(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot")
	w.answer = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) }
	for _, c := range []struct {
		target string
		logins []regtoken.Login
		status int
	}{
		{"/v2/x", nil, http.StatusNotFound},
		{"/v2/?a;b", nil, http.StatusBadRequest},
		{"/v2/", nil, http.StatusUnauthorized},
		{"/v2/app/manifests/x", []regtoken.Login{login}, http.StatusForbidden},
		{"/v2/", []regtoken.Login{login}, http.StatusTeapot},
	} {
		get, head := w.do("GET", c.target, c.logins...), w.do("HEAD", c.target, c.logins...)
		require.Equal(t, c.status, get.Code)
		require.Equal(t, c.status, head.Code)
		require.Equal(t, get.Header(), head.Header())
		require.Empty(t, head.Body.Bytes())
	}
}

func TestWhatTravelsOn(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "repository:app:pull,push")
	body := io.NopCloser(strings.NewReader("layer"))
	r := httptest.NewRequest(http.MethodPatch, "http://other.example/v2/app/blobs/uploads/1?_state=a%2Bb", body)
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	for _, name := range []string{
		"Proxy-Authorization", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
		"X-Original-Method", "X-Original-URL", "X-Rewrite-URL",
	} {
		r.Header.Add(name, "DELETE")
		r.Header.Add(name, "PUT")
		r.Header[strings.ToLower(name)] = []string{"DELETE"} // as a careless middleware might
	}
	r.Header["authorization"] = []string{"Basic x"}
	r.Header["Content-Type"] = []string{"application/octet-stream"}
	r.Header["X-Forwarded-Proto"] = []string{"https"}
	r.Form = url.Values{"from": {"secret"}}
	r.PostForm = url.Values{"from": {"secret"}}
	before := r.Header.Clone()

	require.Equal(t, http.StatusOK, w.serve(r).Code)
	require.Len(t, w.passed, 1)
	on := w.passed[0]
	require.Equal(t, http.Header{"Content-Type": {"application/octet-stream"}, "X-Forwarded-Proto": {"https"}}, on.Header)
	require.Equal(t, body, on.Body)
	require.Equal(t, url.URL{Path: "/v2/app/blobs/uploads/1", RawQuery: "_state=a%2Bb"}, *on.URL)
	require.Equal(t, "/v2/app/blobs/uploads/1?_state=a%2Bb", on.RequestURI)
	require.Equal(t, "other.example", on.Host)
	require.Empty(t, on.FormValue("from"))
	require.Equal(t, "a+b", on.FormValue("_state"))
	require.Equal(t, before, r.Header, "the request that came in is left as it was")
	require.Equal(t, "other.example", r.URL.Host)
}

func TestResponseWriterIsPassedThrough(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot")
	answer := httptest.NewRecorder()
	w.answer = func(rw http.ResponseWriter, _ *http.Request) { assert.Same(t, answer, rw) }
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	w.guard.ServeHTTP(answer, r)
	require.Len(t, w.passed, 1)
}

func TestPanicsOfTheRegistryFlowThrough(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot", "registry:*:list")
	w.answer = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { w.do("GET", "/v2/", login) })
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { w.do("GET", "/v2/_catalog", login) })
}

func TestSecretsAreNotTold(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("robot")
	secret := login.Password.Reveal()
	var answers bytes.Buffer
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/v2/"+secret+"/tags/list", nil),
		httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?from="+secret, nil),
		httptest.NewRequest(http.MethodGet, "/v2/_catalog", nil),
	} {
		r.SetBasicAuth(login.Name, secret)
		answer := w.serve(r)
		require.NotEqual(t, http.StatusOK, answer.Code)
		require.NoError(t, answer.Header().Write(&answers))
		answers.Write(answer.Body.Bytes())
	}
	require.NotContains(t, answers.String(), secret)
	require.Empty(t, w.passed)
}

func TestRealm(t *testing.T) {
	w := newWorld(t, nil)
	require.Equal(t, `Basic realm="regtoken"`, w.do("GET", "/v2/").Header().Get("WWW-Authenticate"))
	w = newWorld(t, &registryauth.GuardOptions{Realm: "Our registry, please; log=in"})
	require.Equal(t, `Basic realm="Our registry, please; log=in"`, w.do("GET", "/v2/").Header().Get("WWW-Authenticate"))
}

func TestNewGuardRefuses(t *testing.T) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	registry := http.NotFoundHandler()
	mapped := netip.MustParsePrefix("::ffff:10.0.0.0/104")
	for _, c := range []struct {
		registry http.Handler
		manager  *regtoken.Manager
		options  registryauth.GuardOptions
		fields   []string
	}{
		{nil, m, registryauth.GuardOptions{}, []string{"registry"}},
		{registry, nil, registryauth.GuardOptions{}, []string{"manager"}},
		{registry, m, registryauth.GuardOptions{Realm: `a"b`}, []string{"GuardOptions.Realm"}},
		{registry, m, registryauth.GuardOptions{Realm: `a\b`}, []string{"GuardOptions.Realm"}},
		{registry, m, registryauth.GuardOptions{Realm: "a\r\nb"}, []string{"GuardOptions.Realm"}},
		{registry, m, registryauth.GuardOptions{Realm: "é"}, []string{"GuardOptions.Realm"}},
		{registry, m, registryauth.GuardOptions{Realm: "\xff"}, []string{"GuardOptions.Realm"}},
		{registry, m, registryauth.GuardOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), {}}}, []string{"GuardOptions.TrustedProxies[1]"}},
		{registry, m, registryauth.GuardOptions{TrustedProxies: []netip.Prefix{mapped}}, []string{"GuardOptions.TrustedProxies[0]"}},
		{registry, m, registryauth.GuardOptions{FailedLogins: -1}, []string{"GuardOptions.FailedLogins"}},
		{registry, m, registryauth.GuardOptions{FailedLoginInterval: -1}, []string{"GuardOptions.FailedLoginInterval"}},
		{nil, nil, registryauth.GuardOptions{Realm: "\n", FailedLogins: -1}, []string{"registry", "manager", "GuardOptions.Realm", "GuardOptions.FailedLogins"}},
	} {
		g, err := registryauth.NewGuard(c.registry, c.manager, &c.options)
		require.Nil(t, g)
		require.ErrorIs(t, err, regtoken.ErrInvalid)
		var field regtoken.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, c.fields[0], field.Field)
		for _, name := range c.fields {
			require.Contains(t, err.Error(), name+" must")
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	_, credential, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot", Scopes: []regtoken.Scope{
		regtoken.RepositoryScope("app", regtoken.Pull), regtoken.RegistryScope("*"),
	}})
	require.NoError(t, err)
	g, err := registryauth.NewGuard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"repositories":["app"]}`)
	}), m, &registryauth.GuardOptions{FailedLogins: 5, FailedLoginInterval: time.Hour})
	require.NoError(t, err)
	server := httptest.NewServer(g)
	defer server.Close()

	get := func(target, password string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+target, nil)
		if err != nil {
			return 0
		}
		r.SetBasicAuth("robot", password)
		answer, err := server.Client().Do(r)
		if err != nil {
			return 0
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	var group sync.WaitGroup
	statuses := make([][]int, 8)
	for i := range statuses {
		group.Go(func() {
			for range 10 {
				statuses[i] = append(statuses[i], get("/v2/app/tags/list", credential.Password.Reveal()), get("/v2/_catalog", credential.Password.Reveal()))
			}
			statuses[i] = append(statuses[i], get("/v2/", "wrong"))
		})
	}
	group.Wait()
	for _, of := range statuses {
		for _, status := range of {
			require.Contains(t, []int{http.StatusOK, http.StatusUnauthorized, http.StatusTooManyRequests}, status)
		}
	}
	require.Equal(t, http.StatusTooManyRequests, get("/v2/", credential.Password.Reveal()))
}
