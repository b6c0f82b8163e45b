package registryauth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

const (
	issuer  = "https://auth.example.com"
	service = "registry.example.com"
)

// newBearerWorld is a world whose guard has a token server.
func newBearerWorld(t *testing.T, tokens registryauth.TokenServerOptions, guard registryauth.GuardOptions) *world {
	t.Helper()
	w := newWorld(t, nil)
	if tokens.Issuer == "" {
		tokens.Issuer, tokens.Service = issuer, service
	}
	tokens.Now = func() time.Time { return w.now }
	var err error
	w.tokens, err = registryauth.NewTokenServer(w.manager, &tokens)
	require.NoError(t, err)
	guard.TokenServer = w.tokens
	w.guard, err = registryauth.NewGuard(http.HandlerFunc(w.registry), w.manager, &guard)
	require.NoError(t, err)
	return w
}

// get asks the token server by GET, as docker does.
func (w *world) get(login *regtoken.Login, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/token?"+query, nil)
	if login != nil {
		r.SetBasicAuth(login.Name, login.Password.Reveal())
	}
	return w.exchange(r)
}

// post asks the token server by POST, as containerd does.
func (w *world) post(form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.exchange(r)
}

func (w *world) exchange(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.tokens.ServeHTTP(answer, r)
	return answer
}

func formOf(login regtoken.Login, scopes ...string) url.Values {
	return url.Values{
		"grant_type": {"password"}, "service": {service}, "client_id": {"containerd-client"}, "access_type": {"offline"},
		"username": {login.Name}, "password": {login.Password.Reveal()}, "scope": scopes,
	}
}

// payload is what a JWT says, read without this library.
type payload struct {
	Iss, Sub, Jti string
	Aud           string
	Exp, Nbf, Iat int64
	Access        []entry
	Regtoken      struct {
		TokenID  string `json:"token_id"`
		SecretID string `json:"secret_id"`
		List     bool
	}
}

type entry struct {
	Type, Name string
	Actions    []string
}

// requireJWT reads the JWT of a successful answer.
func requireJWT(t *testing.T, answer *httptest.ResponseRecorder) (string, payload) {
	t.Helper()
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	var body struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.NotEmpty(t, body.Token)
	require.Equal(t, body.Token, body.AccessToken)
	return body.Token, payloadOf(t, body.Token)
}

func payloadOf(t *testing.T, raw string) (p payload) {
	t.Helper()
	parts := strings.Split(raw, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &p))
	return p
}

// granted writes an access list as scopes.
func granted(access []entry) string {
	var scopes []string
	for _, e := range access {
		scopes = append(scopes, e.Type+":"+e.Name+":"+strings.Join(e.Actions, ","))
	}
	return strings.Join(scopes, " ")
}

func TestExchangeByGet(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	w.now = w.now.Add(700 * time.Millisecond)
	login := w.login("robot", "repository:team/*:pull,push")
	token, err := w.manager.TokenByName(t.Context(), "robot")
	require.NoError(t, err)

	answer := w.get(&login, "account=robot&client_id=docker&offline_token=true&service="+service+"&scope=repository:team/app:pull,push")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Equal(t, "no-cache", answer.Header().Get("Pragma"))
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.Len(t, body, 4, "above all no refresh_token")
	require.InDelta(t, 300, body["expires_in"], 0)
	require.Equal(t, "2030-01-02T03:04:05Z", body["issued_at"])

	raw, p := requireJWT(t, answer)
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
	require.NoError(t, err)
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(w.tokens.Keys().MarshalJWKS(), &set))
	require.JSONEq(t, `{"alg":"EdDSA","typ":"JWT","kid":"`+set.Keys[0]["kid"]+`"}`, string(header))
	require.Equal(t, issuer, p.Iss)
	require.Equal(t, service, p.Aud)
	require.Equal(t, "robot", p.Sub)
	require.Equal(t, w.now.Unix(), p.Iat)
	require.Equal(t, p.Iat, p.Nbf)
	require.Equal(t, int64(300), p.Exp-p.Iat)
	require.NotEmpty(t, p.Jti)
	require.Equal(t, []entry{{"repository", "team/app", []string{"pull", "push"}}}, p.Access)
	require.Equal(t, token.ID.String(), p.Regtoken.TokenID)
	require.Equal(t, token.Secrets[0].ID.String(), p.Regtoken.SecretID)

	_, again := requireJWT(t, w.get(&login, ""))
	require.NotEqual(t, p.Jti, again.Jti)
}

func TestExchangeByPost(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{TTL: time.Hour}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:team/*:pull,push")
	answer := w.post(formOf(login, "repository:team/app:push,pull", "repository:team/lib:pull repository:other:pull"))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.Len(t, body, 6, "above all no refresh_token")
	require.InDelta(t, 3600, body["expires_in"], 0)
	require.Equal(t, "Bearer", body["token_type"])
	require.Equal(t, "repository:team/app:pull,push repository:team/lib:pull", body["scope"])
	_, p := requireJWT(t, answer)
	require.Equal(t, body["scope"], granted(p.Access))

	// Whatever else comes along counts for nothing.
	r := httptest.NewRequest(http.MethodPost, "/token?scope=repository:team/app:pull&username=nobody&service=other", strings.NewReader(formOf(login).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.SetBasicAuth("nobody", "nothing")
	_, p = requireJWT(t, w.exchange(r))
	require.Empty(t, p.Access)
	require.Equal(t, "robot", p.Sub)
}

// What docker login asks.
func TestLoginWithoutScope(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot")
	raw, p := requireJWT(t, w.get(&login, "account=robot&client_id=docker&offline_token=true&service="+service))
	require.NotNil(t, p.Access, "a list, not null")
	require.Empty(t, p.Access)
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)
	_, p = requireJWT(t, w.post(formOf(login)))
	require.Empty(t, p.Access)
	_, p = requireJWT(t, w.get(&login, "scope=repository:app:pull"))
	require.NotNil(t, p.Access)
	require.Empty(t, p.Access)
}

func TestWhatIsGranted(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	long := strings.Repeat("a", 255)
	for i, c := range []struct {
		scopes []string // of the token
		asked  []string
		want   string
		list   bool
	}{
		{[]string{"repository:app:pull"}, []string{"repository:app:pull"}, "repository:app:pull", false},
		{[]string{"repository:app:pull"}, []string{"repository:app:pull,push"}, "repository:app:pull", false},
		{[]string{"repository:app:pull,push"}, []string{"repository:app:push,pull"}, "repository:app:pull,push", false},
		{[]string{"repository:app:pull,push"}, []string{"repository:app:push"}, "repository:app:push", false},
		{[]string{"repository:app:pull,push"}, []string{"repository:app:*"}, "repository:app:pull,push", false},
		{[]string{"repository:app:pull,push,admin"}, []string{"repository:app:*"}, "repository:app:pull,push,delete", false},
		{[]string{"repository:app:pull,push,admin"}, []string{"repository:app:delete"}, "repository:app:delete", false},
		{[]string{"repository:app:pull,push,admin"}, []string{"repository:app:admin"}, "", false},
		{[]string{"repository:app:admin"}, []string{"repository:app:pull,push,delete"}, "repository:app:delete", false},
		{[]string{"repository:app:admin"}, []string{"repository:app:*,pull,*"}, "repository:app:delete", false},
		{[]string{"repository:app:pull"}, []string{"repository:app:pull,pull,,list,fly,PULL"}, "repository:app:pull", false},
		{[]string{"repository:app:pull", "repository:*:push,pull"}, []string{"repository:app:push,pull"}, "repository:app:pull,push", false},
		{
			[]string{"repository:*:pull,push"},
			[]string{"repository:b:pull repository:a:pull", "repository:b:push  repository:b:pull", "", "repository:a:pull"},
			"repository:b:pull,push repository:a:pull", false,
		},
		{[]string{"repository:a:pull", "repository:b:pull"}, []string{"repository:b:pull repository:c:pull repository:a:pull"}, "repository:b:pull repository:a:pull", false},
		{[]string{"repository:*:pull"}, []string{"repository:" + long + ":pull"}, "repository:" + long + ":pull", false},
		{[]string{"repository:*:pull"}, []string{"repository:" + long + "a:pull"}, "", false},

		// A name with a colon is read as one, and is no repository's here.
		{[]string{"repository:*:pull"}, []string{"repository:localhost:5000/app:pull"}, "", false},
		{[]string{"repository:*:pull"}, []string{"repository:app:pull:pull", "repository::pull", "repository:pull", ":app:pull", "repository:app:", "repository:app", "::", ":", "pull"}, "", false},

		{[]string{"repository:*:pull"}, []string{"repository(plugin):app:pull", "Repository:app:pull", "plugin:app:pull", "repositor:app:pull"}, "", false},
		{[]string{"repository:*:pull"}, []string{"repository:*:pull", "repository:App:pull", "repository:a/../b:pull", "repository:a//b:pull", "repository:%61:pull"}, "", false},
		{[]string{"repository:*:pull"}, []string{"repository:app:pull\nrepository:lib:pull", "repository:app\t:pull", "repository:a\u00a0b:pull", "repository:a\x00:pull", `repository:a":pull`, `repository:a,b:pull`}, "", false},

		{[]string{"registry:*:list"}, []string{"registry:catalog:*"}, "registry:catalog:*", true},
		{[]string{"registry:*:list", "repository:app:pull"}, []string{"registry:catalog:*", "repository:app:*", "registry:catalog:*"}, "repository:app:pull registry:catalog:*", true},
		{[]string{"registry:team/*:list"}, []string{"registry:catalog:*"}, "", true},
		{[]string{"repository:*:pull,push,admin"}, []string{"registry:catalog:*"}, "", false},
		{[]string{"registry:*:list"}, []string{"registry:catalog:pull", "registry:catalog:list", "registry:other:*", "registry:catalog", "registry(x):catalog:*"}, "", false},
		{[]string{"registry:*:list"}, []string{"repository:app:*"}, "", false},
		{[]string{"registry:*:list"}, nil, "", false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			login := w.login(fmt.Sprintf("robot-%d", i), c.scopes...)
			_, p := requireJWT(t, w.get(&login, url.Values{"scope": c.asked}.Encode()))
			require.Equal(t, c.want, granted(p.Access))
			require.Equal(t, c.list, p.Regtoken.List)
			_, p = requireJWT(t, w.post(formOf(login, c.asked...)))
			require.Equal(t, c.want, granted(p.Access))
		})
	}
}

func TestEveryGrantIsObserved(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:app:pull", "registry:x*:list")
	w.events = nil
	requireJWT(t, w.get(&login, "scope=repository:app:*+repository:lib:pull+registry:catalog:*"))
	var got []string
	for _, e := range w.events {
		require.Equal(t, "192.0.2.1", e.Actor)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %v %s", e.Operation, e.Outcome, e.Path, e.Action, e.Reason)))
	}
	require.Equal(t, []string{
		"authenticate succeeded  none",
		"authorize succeeded app pull",
		"authorize denied app push,admin matching scopes lack the action",
		"authorize denied lib pull no scope matches the path",
		"authorize succeeded  list",
	}, got)
}

func TestLifeOfAJWT(t *testing.T) {
	for _, c := range []struct {
		name           string
		expiry, after  time.Duration
		rotate         time.Duration // the old secret's overlap
		ttl            time.Duration
		want           int64
		wantFromTheNew int64
	}{
		{name: "TTL", want: 300},
		{name: "own TTL", ttl: 90 * time.Second, want: 90},
		{name: "the token has longer", expiry: 2 * time.Hour, want: 300},
		{name: "the token ends first", expiry: time.Hour, after: time.Hour - 20*time.Second, want: 20},
		{name: "in the middle of a second", expiry: time.Hour, after: time.Hour - 1500*time.Millisecond, want: 2},
		{name: "the overlap ends first", rotate: time.Minute, want: 60, wantFromTheNew: 300},
		{name: "the overlap lasts longer", rotate: time.Hour, want: 300, wantFromTheNew: 300},
		{name: "the token ends before the overlap", expiry: time.Hour, after: time.Hour - 20*time.Second, rotate: time.Minute, want: 20, wantFromTheNew: 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newBearerWorld(t, registryauth.TokenServerOptions{TTL: c.ttl}, registryauth.GuardOptions{})
			spec := regtoken.TokenSpec{Name: "robot"}
			if c.expiry != 0 {
				spec.Expiry = w.now.Add(c.expiry)
			}
			token, credential, err := w.manager.CreateToken(t.Context(), spec)
			require.NoError(t, err)
			w.now = w.now.Add(c.after)
			life := func(login regtoken.Login) int64 {
				answer := w.get(&login, "")
				_, p := requireJWT(t, answer)
				var body struct {
					ExpiresIn int64 `json:"expires_in"`
				}
				require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
				require.Equal(t, p.Exp-p.Iat, body.ExpiresIn)
				if c.expiry != 0 {
					require.LessOrEqual(t, p.Exp, token.ExpiresAt.Unix())
				}
				return body.ExpiresIn
			}
			old := credential.Login()
			if c.rotate != 0 {
				credential, err := w.manager.RotateSecret(t.Context(), token.ID, c.rotate)
				require.NoError(t, err)
				require.Equal(t, c.wantFromTheNew, life(credential.Login()))
			}
			require.Equal(t, c.want, life(old))
		})
	}
}

func TestJWKSEndpoint(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	for _, method := range []string{"GET", "HEAD", "POST"} {
		answer := httptest.NewRecorder()
		w.tokens.JWKS().ServeHTTP(answer, httptest.NewRequest(method, "/", nil))
		switch method {
		case "POST":
			requireRefusal(t, answer, http.StatusMethodNotAllowed, "UNSUPPORTED")
			require.Equal(t, "GET, HEAD", answer.Header().Get("Allow"))
			continue
		case "GET":
			require.Equal(t, w.tokens.Keys().MarshalJWKS(), answer.Body.Bytes())
		case "HEAD":
			require.Empty(t, answer.Body.Bytes())
		}
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "application/jwk-set+json", answer.Header().Get("Content-Type"))
		require.NotEmpty(t, answer.Header().Get("Content-Length"))
	}
}

func TestNewTokenServerRefuses(t *testing.T) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	good := registryauth.TokenServerOptions{Issuer: issuer, Service: service}
	with := func(change func(*registryauth.TokenServerOptions)) *registryauth.TokenServerOptions {
		o := good
		change(&o)
		return &o
	}
	for _, c := range []struct {
		manager *regtoken.Manager
		options *registryauth.TokenServerOptions
		fields  []string
	}{
		{m, nil, []string{"TokenServerOptions.Issuer", "TokenServerOptions.Service"}},
		{nil, &good, []string{"manager"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Issuer = `a"b` }), []string{"TokenServerOptions.Issuer"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Service = `a\b` }), []string{"TokenServerOptions.Service"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Service = "a b" }), []string{"TokenServerOptions.Service"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Service = "a\r\nb" }), []string{"TokenServerOptions.Service"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Service = "é" }), []string{"TokenServerOptions.Service"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.Service = strings.Repeat("a", 256) }), []string{"TokenServerOptions.Service"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.TTL = -1 }), []string{"TokenServerOptions.TTL"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.TTL = 1500 * time.Millisecond }), []string{"TokenServerOptions.TTL"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.TTL = 25 * time.Hour }), []string{"TokenServerOptions.TTL"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.TrustedProxies = []netip.Prefix{{}} }), []string{"TokenServerOptions.TrustedProxies[0]"}},
		{m, with(func(o *registryauth.TokenServerOptions) { o.FailedLogins, o.FailedLoginInterval = -1, -1 }), []string{"TokenServerOptions.FailedLogins", "TokenServerOptions.FailedLoginInterval"}},
	} {
		s, err := registryauth.NewTokenServer(c.manager, c.options)
		require.Nil(t, s)
		var invalid *regtoken.ValidationError
		require.ErrorAs(t, err, &invalid)
		var fields []string
		for _, f := range invalid.Fields() {
			fields = append(fields, f.Field)
		}
		require.Equal(t, c.fields, fields)
	}
	for _, ttl := range []time.Duration{time.Second, 24 * time.Hour} {
		_, err := registryauth.NewTokenServer(m, with(func(o *registryauth.TokenServerOptions) { o.TTL = ttl }))
		require.NoError(t, err)
	}
}

func TestExchangeTellsNoSecrets(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot")
	secret := login.Password.Reveal()
	swapped := regtoken.Login{Name: secret, Password: regtoken.NewPassword("robot")}
	w.events = nil
	var told bytes.Buffer
	for _, answer := range []*httptest.ResponseRecorder{
		w.get(&swapped, ""), w.post(formOf(swapped)), w.get(&login, "account="+secret), w.get(&login, "service="+secret),
		w.get(&login, "scope=repository:"+secret+":pull"), w.post(formOf(login, "repository:"+secret+":pull", secret)),
		w.get(&login, ""),
	} {
		require.NoError(t, answer.Header().Write(&told))
		told.Write(answer.Body.Bytes())
	}
	for _, e := range w.events {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		told.Write(text)
	}
	require.NotContains(t, told.String(), secret)
}
