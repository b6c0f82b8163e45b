package registryauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/registryauth"
)

var (
	plainName    = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	plainScope   = regexp.MustCompile(`(?s)^repository:(.*):([^:]*)$`)
	plainCatalog = regexp.MustCompile(`^registry:catalog:([^:]*)$`)
)

// plainGrant says in plain words what a token may have of the scopes it asks
// for, if it may pull from and push to what begins with "a", delete
// everywhere, and list. False: it asks for too much at once.
func plainGrant(values []string) (string, bool) {
	asked := make(map[string]map[string]bool)
	var order []string
	catalog := false
	count := 0
	for _, value := range values {
		for _, scope := range strings.Split(value, " ") {
			if scope == "" {
				continue
			}
			if count++; count > 100 {
				return "", false
			}
			if m := plainCatalog.FindStringSubmatch(scope); m != nil {
				catalog = catalog || slices.Contains(strings.Split(m[1], ","), "*")
			}
			m := plainScope.FindStringSubmatch(scope)
			if m == nil || len(m[1]) > 255 || !plainName.MatchString(m[1]) {
				continue
			}
			if asked[m[1]] == nil {
				asked[m[1]] = make(map[string]bool)
				order = append(order, m[1])
			}
			for _, action := range strings.Split(m[2], ",") {
				asked[m[1]][action] = true
			}
		}
	}
	// A repository counts from where an action of it is first asked for.
	var granted []string
	for _, name := range order {
		var actions []string
		for _, action := range []string{"pull", "push", "delete"} {
			if (asked[name][action] || asked[name]["*"]) && (action == "delete" || name[0] == 'a') {
				actions = append(actions, action)
			}
		}
		if actions != nil {
			granted = append(granted, "repository:"+name+":"+strings.Join(actions, ","))
		}
	}
	if catalog {
		granted = append(granted, "registry:catalog:*")
	}
	return strings.Join(granted, " "), true
}

func FuzzScopes(f *testing.F) {
	for _, seed := range [][2]string{
		{"repository:app:pull,push", ""},
		{"repository:app:* repository:b:*", "registry:catalog:*"},
		{"repository:app:fly repository:b:delete repository:app:pull", "repository:ab:push,pull,push"},
		{"repository:localhost:5000/app:pull", "repository::pull"},
		{"registry:catalog:pull,*", "registry:catalog:"},
		{strings.Repeat("repository:a:pull ", 100), ""},
		{strings.Repeat("x ", 101), ""},
		{"repository:" + strings.Repeat("a", 255) + ":pull", "repository:a/../b:pull"},
		{"repository:app:pull\nrepository:b:delete", "\x00\xff:\":,"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 8<<10 {
			return
		}
		w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
		login := w.login("robot", "repository:a*:pull,push", "repository:*:admin", "registry:*:list")
		want, ok := plainGrant([]string{a, b})
		form := formOf(login, a, b)
		get := w.get(&login, url.Values{"scope": {a, b}}.Encode())
		answer := w.post(form)
		if !ok {
			require.Equal(t, http.StatusBadRequest, get.Code)
			require.Equal(t, http.StatusBadRequest, answer.Code)
			return
		}
		_, p := requireJWT(t, get)
		require.ElementsMatch(t, strings.Fields(want), strings.Fields(granted(p.Access)))
		_, p = requireJWT(t, answer)
		require.ElementsMatch(t, strings.Fields(want), strings.Fields(granted(p.Access)))
		var body struct{ Scope string }
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
		require.Equal(t, granted(p.Access), body.Scope)
	})
}

// Nothing but a JWT that the token server signed is let in.
func FuzzBearer(f *testing.F) {
	decode := func(raw string) (all []string) {
		for _, part := range strings.Split(raw, ".") {
			text, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				return nil
			}
			all = append(all, string(text))
		}
		return all
	}
	f.Add("", byte(0), 0)
	f.Add("e30.e30.", byte(1), 1)
	f.Add("eyJhbGciOiJub25lIn0.e30.", byte(2), 3)
	f.Add(`{"alg":"EdDSA","typ":"JWT","kid":"x"}`, byte(3), 40)
	f.Add(`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`, byte(4), 100)
	f.Fuzz(func(t *testing.T, text string, change byte, at int) {
		w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
		good := w.jwt(w.login("robot", "repository:app:pull"), "repository:app:pull")
		require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/app/manifests/x", good).Code)
		at = int(uint(at) % uint(len(good)))
		parts := strings.Split(good, ".")
		for _, raw := range []string{
			text,
			good[:at] + string([]byte{change}) + good[at+1:],
			good[:at] + text + good[at:],
			text + "." + parts[1] + "." + parts[2],
			base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[1] + "." + parts[2],
			parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[2],
			parts[0] + "." + parts[1] + "." + text,
		} {
			answer := w.bearer("GET", "/v2/app/manifests/x", raw)
			if !slices.Equal(decode(raw), decode(good)) {
				require.Equal(t, http.StatusUnauthorized, answer.Code, raw)
			}
			r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
			r.Header["Authorization"] = []string{text}
			require.Equal(t, http.StatusUnauthorized, w.serve(r).Code, text)
		}
	})
}

// Whatever a client sends, the challenge has the one form it can have.
func FuzzChallenge(f *testing.F) {
	form := regexp.MustCompile(`^Bearer realm="http://[a-zA-Z0-9.:\[\]-]+/token",service="registry\.example\.com"` +
		`(,scope="(repository:[a-z0-9._/-]+:(pull|pull,push|delete)( repository:[a-z0-9._/-]+:pull)*|registry:catalog:\*)")?$`)
	f.Add("example.com", "/v2/app/manifests/x", "from=base")
	f.Add(`x",realm="evil`, "/v2/_catalog", `from=a",b`)
	f.Add("[::1]:5000", "/v2/app/blobs/uploads/", "from=a&from=b:pull&from=%22%0d%0a")
	f.Fuzz(func(t *testing.T, host, path, query string) {
		w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			r := httptest.NewRequest(method, "/", nil)
			r.Host = host
			r.URL = &url.URL{Path: path, RawQuery: query}
			answer := w.serve(r)
			require.GreaterOrEqual(t, answer.Code, 400)
			if answer.Code == http.StatusUnauthorized && path != registryauth.TokenPath {
				require.Regexp(t, form, challengeOf(answer))
			}
		}
		require.Empty(t, w.passed)
	})
}
