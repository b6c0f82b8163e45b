package registryauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// requireRefused checks the whole form of a token server's refusal.
func requireRefused(t *testing.T, answer *httptest.ResponseRecorder, status int, code, oauth string) {
	t.Helper()
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	if oauth == "" {
		requireRefusal(t, answer, status, code)
		return
	}
	require.Equal(t, status, answer.Code, answer.Body.String())
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	require.Equal(t, status == http.StatusUnauthorized, answer.Header().Get("WWW-Authenticate") != "")
	require.Equal(t, status == http.StatusTooManyRequests, answer.Header().Get("Retry-After") != "")
	var body map[string]string
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.Len(t, body, 2)
	require.Equal(t, oauth, body["error"])
	require.NotEmpty(t, body["error_description"])
}

func TestExchangeRefuses(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{FailedLogins: 1000}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:*:pull")
	other := regtoken.Login{Name: "robot", Password: regtoken.NewPassword("wrong")}
	unknown := regtoken.Login{Name: "nobody", Password: login.Password}
	with := func(change func(url.Values)) url.Values {
		form := formOf(login, "repository:app:pull")
		change(form)
		return form
	}
	scopes := func(n int) string { return strings.TrimSpace(strings.Repeat("repository:app:pull ", n)) }

	for name, answer := range map[string]*httptest.ResponseRecorder{
		"none":    w.get(nil, "service="+service),
		"wrong":   w.get(&other, "service="+service),
		"unknown": w.get(&unknown, "service="+service),
		"query":   w.get(nil, formOf(login).Encode()),
	} {
		require.Equal(t, `Basic realm="`+service+`"`, answer.Header().Get("WWW-Authenticate"), name)
		requireRefused(t, answer, http.StatusUnauthorized, "UNAUTHORIZED", "")
	}
	for _, form := range []url.Values{formOf(other), formOf(unknown), with(func(f url.Values) { f.Set("password", "") })} {
		requireRefused(t, w.post(form), http.StatusUnauthorized, "", "invalid_grant")
	}

	requireRefused(t, w.get(&login, "service=other"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.get(&login, "service="+service+"&service=other"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.get(nil, "service=other"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.post(with(func(f url.Values) { f.Set("service", "other") })), http.StatusBadRequest, "", "invalid_request")
	requireJWT(t, w.get(&login, "service="))
	requireJWT(t, w.post(with(func(f url.Values) { f.Del("service") })))

	requireRefused(t, w.get(&login, "account=other"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.get(&login, "account=robot&account=other"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireJWT(t, w.get(&login, "account="))

	requireRefused(t, w.get(&login, "scope=a;b"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.get(&login, "scope=%zz"), http.StatusBadRequest, "UNSUPPORTED", "")
	requireJWT(t, w.get(&login, url.Values{"scope": {scopes(100)}}.Encode()))
	requireRefused(t, w.get(&login, url.Values{"scope": {scopes(101)}}.Encode()), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.get(&login, url.Values{"scope": {scopes(60), scopes(41)}}.Encode()), http.StatusBadRequest, "UNSUPPORTED", "")
	requireRefused(t, w.post(formOf(login, scopes(101))), http.StatusBadRequest, "", "invalid_scope")
	requireRefused(t, w.get(&login, "x="+strings.Repeat("x", 64<<10)), http.StatusRequestURITooLong, "UNSUPPORTED", "")
	requireRefused(t, w.post(with(func(f url.Values) { f.Set("x", strings.Repeat("x", 64<<10)) })), http.StatusRequestEntityTooLarge, "", "invalid_request")

	for _, kind := range []string{"refresh_token", "authorization_code", "client_credentials", "Password"} {
		form := with(func(f url.Values) { f.Set("grant_type", kind); f.Set("refresh_token", "x") })
		requireRefused(t, w.post(form), http.StatusBadRequest, "", "unsupported_grant_type")
	}
	for _, form := range []url.Values{
		{}, with(func(f url.Values) { f.Del("grant_type") }),
		with(func(f url.Values) { f.Add("grant_type", "password") }),
		with(func(f url.Values) { f.Del("username") }), with(func(f url.Values) { f.Add("username", "robot") }),
		with(func(f url.Values) { f.Del("password") }), with(func(f url.Values) { f.Add("password", "x") }),
	} {
		requireRefused(t, w.post(form), http.StatusBadRequest, "", "invalid_request")
	}
	for _, types := range [][]string{
		nil, {""}, {"application/json"}, {"multipart/form-data; boundary=x"}, {"x;y=;"},
		{"application/x-www-form-urlencoded", "application/x-www-form-urlencoded"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(formOf(login).Encode()))
		r.Header["Content-Type"] = types
		requireRefused(t, w.exchange(r), http.StatusUnsupportedMediaType, "", "invalid_request")
	}
	for _, body := range []string{"grant_type=password&username=robot;password=x", "%zz"} {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		requireRefused(t, w.exchange(r), http.StatusBadRequest, "", "invalid_request")
	}
	r := httptest.NewRequest(http.MethodPost, "/token", failingReader{})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	requireRefused(t, w.exchange(r), http.StatusBadRequest, "", "invalid_request")

	for _, method := range []string{"HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "CONNECT"} {
		r := httptest.NewRequest(method, "/token", nil)
		r.SetBasicAuth(login.Name, login.Password.Reveal())
		answer := w.exchange(r)
		require.Equal(t, "GET, POST", answer.Header().Get("Allow"))
		requireRefused(t, answer, http.StatusMethodNotAllowed, "UNSUPPORTED", "")
		require.Equal(t, method == "HEAD", answer.Body.Len() == 0 && method == "HEAD")
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the client is gone") }

func TestExchangeAsksLiveState(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:app:pull")
	token, err := w.manager.TokenByName(t.Context(), "robot")
	require.NoError(t, err)
	status := func() int { return w.get(&login, "scope=repository:app:pull").Code }
	require.Equal(t, http.StatusOK, status())

	_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status())
	_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled, Expiry: regtoken.SetExpiry(w.now.Add(time.Hour))})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status())
	_, err = w.manager.RemoveAllScopes(t.Context(), token.ID)
	require.NoError(t, err)
	_, p := requireJWT(t, w.get(&login, "scope=repository:app:pull"))
	require.Empty(t, p.Access)
	w.now = w.now.Add(time.Hour)
	require.Equal(t, http.StatusUnauthorized, status())

	w.store.err = errors.New("disk on fire at 10.0.0.3")
	for _, answer := range []*httptest.ResponseRecorder{w.get(&login, ""), w.post(formOf(login))} {
		require.NotContains(t, answer.Body.String(), "10.0.0.3")
	}
	requireRefused(t, w.get(&login, ""), http.StatusServiceUnavailable, "UNAVAILABLE", "")
	requireRefused(t, w.post(formOf(login)), http.StatusServiceUnavailable, "", "temporarily_unavailable")
}

// A token may end between being let in and being asked about: never 200 then.
func TestTokenEndsDuringAnExchange(t *testing.T) {
	for _, scope := range []string{"", "repository:app:pull", "repository:lib:pull", "registry:catalog:*"} {
		t.Run(scope, func(t *testing.T) {
			w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
			login := w.login("robot", "repository:app:pull")
			token, err := w.manager.TokenByName(t.Context(), "robot")
			require.NoError(t, err)
			_, err = w.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetExpiry(w.now.Add(time.Hour))})
			require.NoError(t, err)
			m, err := regtoken.NewManager(w.store, &regtoken.Options{
				Now: func() time.Time { return w.now },
				Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) {
					if e.Operation == regtoken.OpAuthenticate {
						w.now = w.now.Add(time.Hour)
					}
				}},
			})
			require.NoError(t, err)
			w.tokens, err = registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{Issuer: issuer, Service: service, Now: func() time.Time { return w.now }})
			require.NoError(t, err)
			requireRefused(t, w.get(&login, url.Values{"scope": {scope}}.Encode()), http.StatusUnauthorized, "UNAUTHORIZED", "")
		})
	}
}

// One allowance of failures, for the token server and its guard together.
func TestFailedExchangesAreLimited(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{FailedLogins: 3, FailedLoginInterval: 10 * time.Second}, registryauth.GuardOptions{})
	login := w.login("robot")
	wrong := regtoken.Login{Name: "robot", Password: regtoken.NewPassword("wrong")}
	for range 10 {
		require.Equal(t, http.StatusOK, w.get(&login, "").Code)
		require.Equal(t, http.StatusUnauthorized, w.get(nil, "").Code)
		require.Equal(t, http.StatusUnauthorized, w.bearer("GET", "/v2/", "junk").Code)
	}
	require.Equal(t, http.StatusUnauthorized, w.get(&wrong, "").Code)
	require.Equal(t, http.StatusUnauthorized, w.post(formOf(wrong)).Code)
	require.Equal(t, http.StatusUnauthorized, w.do("GET", "/v2/", wrong).Code)

	asked := w.store.asked
	w.events = nil
	answer := w.get(&login, "")
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
	requireRefused(t, answer, http.StatusTooManyRequests, "TOOMANYREQUESTS", "")
	requireRefused(t, w.post(formOf(login)), http.StatusTooManyRequests, "", "temporarily_unavailable")
	requireRefusal(t, w.do("GET", "/v2/", login), http.StatusTooManyRequests, "TOOMANYREQUESTS")
	require.Equal(t, asked, w.store.asked, "the store is not asked")
	require.Len(t, w.events, 3)
	for _, e := range w.events {
		require.Equal(t, registryauth.ReasonTooManyFailures, e.Reason)
		require.Equal(t, "robot", e.TokenName)
	}

	r := httptest.NewRequest(http.MethodGet, "/token", nil)
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	r.RemoteAddr = "198.51.100.1:1"
	require.Equal(t, http.StatusOK, w.exchange(r).Code, "never by token")
	w.now = w.now.Add(10 * time.Second)
	require.Equal(t, http.StatusOK, w.get(&login, "").Code)
}
