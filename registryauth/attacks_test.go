package registryauth_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// newAttackedWorld is a world in which the token "robot" may pull from and
// push to the repository "mine", and pull from "base". The secrets are in the
// repository "secret".
func newAttackedWorld(t *testing.T) (*world, regtoken.Login) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	return w, w.login("robot", "repository:mine:pull,push", "repository:base:pull")
}

// What a client with a good login tries, and the answer it gets: with Basic
// and with a JWT for all that it may do.
func TestAttacksOfAGoodLogin(t *testing.T) {
	const uploads = "/v2/mine/blobs/uploads/"
	form := func(kind string) http.Header { return http.Header{"Content-Type": {kind}} }
	for _, attack := range []struct {
		tries   string
		request string // method and target
		header  http.Header
		body    string
		status  int
	}{
		{"a mount named in a form", "POST " + uploads, form("application/x-www-form-urlencoded"), "mount=" + digest + "&from=secret", 415},
		{"a mount named in a form, spelt oddly", "POST " + uploads, form("APPLICATION/X-WWW-Form-Urlencoded ; charset=x"), "from=secret", 415},
		{"a mount named in a multipart form", "POST " + uploads, form("multipart/form-data; boundary=b"), "--b\r\nContent-Disposition: form-data; name=from\r\n\r\nsecret\r\n--b--", 415},
		{"a mount named in a form of two types", "POST " + uploads, http.Header{"Content-Type": {"application/octet-stream", "application/x-www-form-urlencoded"}}, "from=secret", 415},
		{"a form of a malformed type", "POST " + uploads, form("application/x-www-form-urlencoded;;;=,"), "from=secret", 415},
		{"a mount", "POST " + uploads + "?mount=" + digest + "&from=secret", nil, "", 403},
		{"a mount from a repository spelt with escapes", "POST " + uploads + "?mount=" + digest + "&from=%73ecret", nil, "", 403},
		{"a mount from several sources, the last", "POST " + uploads + "?mount=" + digest + "&from=base&from=secret", nil, "", 403},
		{"a mount from several sources, the first", "POST " + uploads + "?mount=" + digest + "&from=secret&from=base", nil, "", 403},
		{"a mount from several sources, escaped key", "POST " + uploads + "?mount=" + digest + "&from=base&%66rom=secret", nil, "", 403},
		{"a mount from a path that leads elsewhere", "POST " + uploads + "?mount=" + digest + "&from=base/../secret", nil, "", 403},
		{"a mount from many sources", "POST " + uploads + "?mount=" + digest + manySources(1000), nil, "", 400},
		{"a mount behind a semicolon", "POST " + uploads + "?mount=" + digest + ";from=secret", nil, "", 400},
		{"a mount while finishing an upload", "PUT " + uploads + "1?digest=" + digest + "&from=secret", nil, "", 403},
		{"a mount into another repository", "POST /v2/secret/blobs/uploads/?mount=" + digest + "&from=mine", nil, "", 403},

		{"to read another's upload session", "GET /v2/secret/blobs/uploads/1", nil, "", 403},
		{"to write to another's upload session", "PATCH /v2/secret/blobs/uploads/1", nil, "layer", 403},
		{"to finish another's upload session", "PUT /v2/secret/blobs/uploads/1?digest=" + digest, nil, "", 403},
		{"to cancel another's upload session", "DELETE /v2/secret/blobs/uploads/1", nil, "", 403},

		{"an encoded slash", "GET /v2/mine%2f..%2fsecret/manifests/x", nil, "", 404},
		{"encoded dots", "GET /v2/mine/%2e%2e/secret/manifests/x", nil, "", 404},
		{"a twice encoded slash", "GET /v2/mine%252f..%252fsecret/manifests/x", nil, "", 404},
		{"an encoded letter", "GET /v2/%73ecret/manifests/x", nil, "", 404},
		{"dots", "GET /v2/mine/../secret/manifests/x", nil, "", 404},
		{"a dot", "GET /v2/./secret/manifests/x", nil, "", 404},
		{"dots in a reference", "GET /v2/mine/manifests/../../secret/manifests/x", nil, "", 404},
		{"a reference that leads elsewhere", "GET /v2/mine/manifests/..%2f..%2f..%2fsecret%2fmanifests%2fx", nil, "", 404},
		{"doubled slashes", "GET /v2//secret/manifests/x", nil, "", 404},
		{"a doubled slash in front", "GET //v2/secret/manifests/x", nil, "", 404},
		{"a trailing slash", "GET /v2/secret/manifests/x/", nil, "", 404},
		{"a backslash", `GET /v2/mine\..\secret/manifests/x`, nil, "", 404},
		{"a NUL", "GET /v2/mine%00secret/manifests/x", nil, "", 404},
		{"a line break", "GET /v2/mine%0d%0asecret/manifests/x", nil, "", 404},
		{"upper case", "GET /v2/SECRET/manifests/x", nil, "", 404},
		{"a look-alike letter", "GET /v2/s%D0%B5cret/manifests/x", nil, "", 404},
		{"a name too long", "GET /v2/" + strings.Repeat("a", 256) + "/manifests/x", nil, "", 404},
		{"a repository below its own", "GET /v2/mine/secret/manifests/x", nil, "", 403},
		{"words of the API in a name", "GET /v2/mine/manifests/secret/manifests/x", nil, "", 403},
		{"words of the API in a name, from the left", "GET /v2/mine/blobs/uploads/manifests/x", nil, "", 403},

		{"another method by the query", "GET /v2/mine/manifests/x?_method=DELETE", nil, "", 400},
		{"to read by HEAD", "HEAD /v2/secret/manifests/x", nil, "", 403},
		{"to read a blob by HEAD", "HEAD /v2/secret/blobs/" + digest, nil, "", 403},
		{"to list tags", "GET /v2/secret/tags/list", nil, "", 403},
		{"to list referrers", "GET /v2/secret/referrers/" + digest, nil, "", 403},
		{"to delete a tag", "DELETE /v2/mine/manifests/x", nil, "", 403},
		{"to delete by digest", "DELETE /v2/mine/manifests/" + digest, nil, "", 403},
		{"to delete a blob", "DELETE /v2/mine/blobs/" + digest, nil, "", 403},
		{"to push where it may pull", "PUT /v2/base/manifests/x", nil, "{}", 403},
		{"a method there is not", "PURGE /v2/mine/manifests/x", nil, "", 405},
		{"a method in lower case", "delete /v2/mine/manifests/x", nil, "", 405},
		{"the method of another endpoint", "POST /v2/mine/manifests/x", nil, "", 405},

		{"the catalogue", "GET /v2/_catalog", nil, "", 403},
		{"the catalogue below its repository", "GET /v2/mine/_catalog", nil, "", 404},
		{"the catalogue with a slash", "GET /v2/_catalog/", nil, "", 404},
		{"the catalogue by HEAD", "HEAD /v2/_catalog", nil, "", 405},
		{"an extension of the API", "GET /v2/_oci/ext/discover", nil, "", 404},
		{"another API", "GET /v1/search", nil, "", 404},
		{"a debug endpoint", "GET /debug/pprof/", nil, "", 404},
	} {
		t.Run(attack.tries, func(t *testing.T) {
			w, login := newAttackedWorld(t)
			jwt := w.jwt(login, "repository:mine:* repository:base:* repository:secret:* registry:catalog:*")
			for _, authenticate := range []func(*http.Request){
				func(r *http.Request) { r.SetBasicAuth(login.Name, login.Password.Reveal()) },
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+jwt) },
			} {
				method, target, _ := strings.Cut(attack.request, " ")
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(attack.body))
				u, err := url.ParseRequestURI(target)
				require.NoError(t, err)
				r.Method, r.URL, r.RequestURI = method, u, target
				for name, values := range attack.header {
					r.Header[name] = values
				}
				authenticate(r)
				answer := w.serve(r)
				require.Equal(t, attack.status, answer.Code, answer.Body)
				require.Empty(t, w.passed)
			}
		})
	}
}

func manySources(n int) string {
	var query strings.Builder
	for i := range n {
		fmt.Fprintf(&query, "&from=base%d", i)
	}
	return query.String()
}

// What is let in must not carry anything that says more than what was judged.
func TestAttacksByHeader(t *testing.T) {
	for tries, header := range map[string][2]string{
		"another method":            {"X-HTTP-Method-Override", "DELETE"},
		"another method, otherwise": {"X-Method-Override", "DELETE"},
		"another path":              {"X-Original-URL", "/v2/secret/manifests/x"},
		"another path, otherwise":   {"X-Rewrite-URL", "/v2/secret/manifests/x"},
		"a login behind the guard":  {"Proxy-Authorization", "Basic eA=="},
	} {
		t.Run(tries, func(t *testing.T) {
			w, login := newAttackedWorld(t)
			r := httptest.NewRequest(http.MethodGet, "/v2/mine/manifests/x", nil)
			r.Header.Set(header[0], header[1])
			r.SetBasicAuth(login.Name, login.Password.Reveal())
			require.Equal(t, http.StatusOK, w.serve(r).Code)
			require.Len(t, w.passed, 1)
			require.Empty(t, w.passed[0].Header)
			require.Equal(t, "/v2/mine/manifests/x", w.passed[0].RequestURI)
		})
	}
}

// Push includes overwriting: a client that may push clobbers a tag, however it
// came to try. Who would keep tags from being moved needs a registry that does.
func TestPushOverwritesTags(t *testing.T) {
	w, login := newAttackedWorld(t)
	for range 2 {
		require.Equal(t, http.StatusOK, w.do("PUT", "/v2/mine/manifests/latest", login).Code)
	}
}

// What is tried with credentials, at the guard and at both forms of exchange.
func TestAttacksByCredentials(t *testing.T) {
	const huge = 1 << 20
	w, login := newAttackedWorld(t)
	secret := login.Password.Reveal()
	_, foreign, err := w.manager.Registry("elsewhere").CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)
	for tries, c := range map[string]struct{ name, password string }{
		"nothing":                           {"", ""},
		"a name alone":                      {"robot", ""},
		"a password alone":                  {"", secret},
		"a colon in the name":               {"robot:x", secret},
		"a colon in the password":           {"robot", ":" + secret},
		"a colon behind the password":       {"robot", secret + ":"},
		"a NUL in the name":                 {"robot\x00", secret},
		"a NUL in the password":             {"robot", secret + "\x00"},
		"invalid UTF-8 in the name":         {"\xff\xferobot", secret},
		"invalid UTF-8 in the password":     {"robot", "\xff" + secret},
		"a password of 1 MiB":               {"robot", strings.Repeat("x", huge)},
		"a password of 1 MiB, the right in": {"robot", secret + strings.Repeat("x", huge)},
		"a name of 1 MiB":                   {strings.Repeat("robot", huge/5), secret},
		"a name in upper case":              {"ROBOT", secret},
		"a name with a space":               {"robot ", secret},
		"a line break":                      {"robot\r\n", secret},
		"a wildcard":                        {"*", secret},
		"another's password":                {"robot", foreign.Password.Reveal()},
		"the wrong way round":               {secret, "robot"},
		"a password cut short":              {"robot", secret[:len(secret)-1]},
		"a password in another case":        {"robot", strings.ToUpper(secret)},
		"the token's ID":                    {"robot", foreign.SecretID.String()},
	} {
		t.Run(tries, func(t *testing.T) {
			w.now = w.now.Add(time.Hour) // or the limit would answer
			bad := regtoken.Login{Name: c.name, Password: regtoken.NewPassword(c.password)}
			w.events = nil
			requireRefusal(t, w.do("GET", "/v2/", bad), http.StatusUnauthorized, "UNAUTHORIZED")
			requireRefused(t, w.get(&bad, ""), http.StatusUnauthorized, "UNAUTHORIZED", "")
			require.Equal(t, len(c.name)+len(c.password) >= huge, w.events == nil, "what is too long is not even tried")
			if len(c.name)+len(c.password) >= huge {
				requireRefused(t, w.post(formOf(bad)), http.StatusRequestEntityTooLarge, "", "invalid_request")
			} else {
				requireRefused(t, w.post(formOf(bad)), http.StatusUnauthorized, "", "invalid_grant")
			}
		})
	}
	require.Empty(t, w.passed)
}

func TestAThousandWrongLogins(t *testing.T) {
	w, login := newAttackedWorld(t)
	wrong := regtoken.Login{Name: "robot", Password: regtoken.NewPassword("wrong")}
	statuses := make(map[int]int)
	for range 250 {
		for _, answer := range []*httptest.ResponseRecorder{
			w.do("GET", "/v2/", wrong), w.get(&wrong, ""), w.post(formOf(wrong)), w.do("GET", "/token", wrong),
		} {
			statuses[answer.Code]++
		}
	}
	require.Equal(t, map[int]int{401: 20, 429: 980}, statuses)

	// The token they guessed at is good from everywhere else, and where they
	// came from a JWT that is there already.
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r.RemoteAddr = "198.51.100.1:1"
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	require.Equal(t, http.StatusOK, w.serve(r).Code)
	r = httptest.NewRequest(http.MethodGet, "/token", nil)
	r.RemoteAddr = "198.51.100.1:1"
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	raw, _ := requireJWT(t, w.serve(r))
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)
}

// People paste passwords where the user name goes.
func TestPasswordsAreNeverLogged(t *testing.T) {
	var log bytes.Buffer
	m, err := regtoken.NewManager(memstore.New(), &regtoken.Options{Observers: []regtoken.Observer{
		regtoken.SlogObserver(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}})
	require.NoError(t, err)
	_, credential, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)
	w := &world{t: t}
	w.tokens, err = registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{Issuer: issuer, Service: service, FailedLogins: 4})
	require.NoError(t, err)
	w.guard, err = registryauth.NewGuard(http.HandlerFunc(w.registry), m, &registryauth.GuardOptions{TokenServer: w.tokens})
	require.NoError(t, err)
	secret := credential.Password.Reveal()
	raw := w.jwt(credential.Login())
	for range 3 { // until the limit answers, and then
		for _, name := range []string{secret, secret + ":", "hunter-2 is my password", "robot"} {
			pasted := regtoken.Login{Name: name, Password: regtoken.NewPassword(secret + "x")}
			w.do("GET", "/v2/", pasted)
			w.get(&pasted, url.Values{"account": {name}}.Encode())
			w.post(formOf(pasted))
			w.get(&pasted, url.Values{"scope": {"repository:" + secret + ":pull"}}.Encode())
			w.bearer("GET", "/v2/", secret)
			w.bearer("GET", "/v2/"+secret+"/tags/list", raw)
		}
	}
	require.Contains(t, log.String(), string(registryauth.ReasonTooManyFailures))
	require.Contains(t, log.String(), string(registryauth.ReasonInvalidBearer))
	require.NotContains(t, log.String(), secret)
	require.NotContains(t, log.String(), "hunter")
	require.NotContains(t, log.String(), raw)
}

// What is tried with the scopes of a token request: it gets nothing, and what
// is granted says nothing that was not asked in plain words.
func TestAttacksByScope(t *testing.T) {
	w, login := newAttackedWorld(t)
	for tries, c := range map[string]struct {
		scope  string
		status int
		want   string
	}{
		"everything":                     {"repository:*:*", 200, ""},
		"every type":                     {"*:*:*", 200, ""},
		"a pattern":                      {"repository:se*:pull", 200, ""},
		"the listing":                    {"registry:catalog:*", 200, ""},
		"more than it has":               {"repository:mine:*", 200, "repository:mine:pull,push"},
		"a quote":                        {`repository:mine":pull`, 200, ""},
		"a quote in an action":           {`repository:mine:pull","push`, 200, ""},
		"a line break":                   {"repository:mine:pull\r\nrepository:secret:pull", 200, ""},
		"a tab":                          {"repository:mine:pull\trepository:secret:pull", 200, ""},
		"a comma in the name":            {"repository:mine,secret:pull", 200, ""},
		"a colon in the name":            {"repository:mine:secret:pull", 200, ""},
		"a scope in a scope":             {"repository:repository:secret:pull:pull", 200, ""},
		"an object in a scope":           {`repository:mine","actions":["*"]},{"name":"secret:pull`, 200, ""},
		"a class":                        {"repository(mine):secret:pull", 200, ""},
		"a path that leads elsewhere":    {"repository:mine/../secret:pull", 200, ""},
		"an escape":                      {"repository:%73ecret:pull", 200, ""},
		"a NUL":                          {"repository:mine\x00secret:pull", 200, ""},
		"invalid UTF-8":                  {"repository:mine\xff:pull", 200, ""},
		"one of 60 KiB":                  {"repository:" + strings.Repeat("a", 60<<10) + ":pull", 200, ""},
		"a thousand actions":             {"repository:mine:" + strings.Repeat("delete,", 1000) + "pull", 200, "repository:mine:pull"},
		"a thousand colons":              {strings.Repeat(":", 1000), 200, ""},
		"a thousand spaces":              {strings.Repeat(" ", 1000), 200, ""},
		"more than may be asked at once": {strings.Repeat("a:b:c ", 101), 400, ""},
		"more than a form may hold":      {strings.Repeat("a", 65<<10), 413, ""},
	} {
		t.Run(tries, func(t *testing.T) {
			answer := w.post(formOf(login, c.scope))
			require.Equal(t, c.status, answer.Code)
			if c.status == 200 {
				_, p := requireJWT(t, answer)
				require.Equal(t, c.want, granted(p.Access))
				require.False(t, p.Regtoken.List)
			}
		})
	}
}

// What is tried to make the challenge send a password elsewhere. More of it is
// in TestRealmOfTheChallenge.
func TestAttacksByHost(t *testing.T) {
	w, _ := newAttackedWorld(t)
	for _, c := range []struct {
		tries  string
		host   string
		header [2]string
		want   string
	}{
		{"nothing", "good.example", [2]string{"X", "y"}, "http://good.example/token"},
		{"a second realm", `x",realm="https://evil.example`, [2]string{"X", "y"}, ""},
		{"a user in front", "good.example@evil.example", [2]string{"X", "y"}, ""},
		{"a path", "evil.example/", [2]string{"X", "y"}, ""},
		{"a header behind", "x\r\nSet-Cookie: a=b", [2]string{"X", "y"}, ""},
		{"a forwarded host", "good.example", [2]string{"X-Forwarded-Host", "evil.example"}, "http://good.example/token"},
		{"a forwarded scheme", "good.example", [2]string{"X-Forwarded-Proto", "javascript"}, "http://good.example/token"},
		{"the standard's header", "good.example", [2]string{"Forwarded", "host=evil.example;proto=https"}, "http://good.example/token"},
	} {
		t.Run(c.tries, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
			r.Host = c.host
			r.Header.Set(c.header[0], c.header[1])
			answer := w.serve(r)
			require.NotContains(t, fmt.Sprint(answer.Header(), answer.Body), "evil")
			if c.want == "" {
				requireRefusal(t, answer, http.StatusBadRequest, "UNSUPPORTED")
				return
			}
			require.Equal(t, `Bearer realm="`+c.want+`",service="`+service+`"`, challengeOf(answer))
		})
	}
}
