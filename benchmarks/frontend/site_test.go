package frontend

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime/pprof"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/benchmarks/frontend/load"
	"github.com/regtoken/regtoken/registryauth"
	"github.com/regtoken/regtoken/sqlitestore"
)

const service = "registry.example.com"

// An arrangement is one way to serve the same content.
type arrangement struct {
	name          string
	url           string // of its origin
	authorization string // the header that is sent
	open          bool   // it lets all in
}

// serve starts a server, and returns its URL. A profile of processors' time
// tells what it spent by the label "server".
func serve(b *testing.B, name string, handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go pprof.Do(b.Context(), pprof.Labels("server", name), func(context.Context) {
		_ = server.Serve(listener) // it returns when the server is closed
	})
	b.Cleanup(func() { assert.NoError(b, server.Close()) })
	return "http://" + listener.Addr().String()
}

// A keeper is a Manager with one token, that may pull.
type keeper struct {
	manager *regtoken.Manager
	login   regtoken.Login
}

// newKeeper returns a keeper on SQLite. If it runs, logins are answered from
// memory; else the store is read for each.
func newKeeper(b *testing.B, runs bool) keeper {
	store, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "tokens.db"), nil)
	require.NoError(b, err)
	b.Cleanup(func() { assert.NoError(b, store.Close()) })
	m, err := regtoken.NewManager(store, nil)
	require.NoError(b, err)
	_, credential, err := m.CreateToken(b.Context(), regtoken.TokenSpec{
		Name: "robot", Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	require.NoError(b, err)
	if runs {
		ctx, stop := context.WithCancel(b.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		b.Cleanup(func() {
			stop()
			assert.NoError(b, <-done)
		})
	}
	return keeper{m, credential.Login()}
}

// basic returns the Authorization header of a login.
func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func (k keeper) basic() string { return basic(k.login.Name, k.login.Password.Reveal()) }

// tokenServer returns a token server for the keeper's token.
func (k keeper) tokenServer(b *testing.B) *registryauth.TokenServer {
	tokens, err := registryauth.NewTokenServer(k.manager, &registryauth.TokenServerOptions{
		Issuer: "regtoken", Service: service, TTL: maxTTL,
	})
	require.NoError(b, err)
	return tokens
}

// bare serves a registry as it is. It is sent what the guard with Basic is:
// reading that is no cost of the guard's.
func (k keeper) bare(b *testing.B, registry http.Handler) arrangement {
	return arrangement{name: "bare", url: serve(b, "bare", registry), authorization: k.basic(), open: true}
}

// guarded serves a registry behind the guard in both its ways.
func (k keeper) guarded(b *testing.B, registry http.Handler) (byBasic, byBearer arrangement) {
	guard, err := registryauth.NewGuard(registry, k.manager, nil)
	require.NoError(b, err)
	byBasic = arrangement{name: "basic", url: serve(b, "basic", guard), authorization: k.basic()}

	guard, err = registryauth.NewGuard(registry, k.manager, &registryauth.GuardOptions{TokenServer: k.tokenServer(b)})
	require.NoError(b, err)
	origin := serve(b, "bearer", guard)
	got := ask(b, http.MethodGet, origin+exchangePath, k.basic())
	require.Equal(b, http.StatusOK, got.status)
	var token struct{ Token string }
	require.NoError(b, json.Unmarshal(got.body, &token))
	return byBasic, arrangement{name: "bearer", url: origin, authorization: "Bearer " + token.Token}
}

// exchangePath is what docker asks before it pulls.
var exchangePath = registryauth.TokenPath + "?" + url.Values{
	"service": {service}, "scope": {"repository:" + repository + ":pull"}, "account": {"robot"},
}.Encode()

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	length int64 // its Content-Length
	body   []byte
}

// ask makes one request.
func ask(b *testing.B, method, url, authorization string) answer {
	r, err := http.NewRequestWithContext(b.Context(), method, url, nil)
	require.NoError(b, err)
	r.Header.Set("Accept", load.Accept)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(b, err)
	defer func() { assert.NoError(b, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	return answer{response.StatusCode, response.Header, response.ContentLength, body}
}

// check requires that an arrangement gives what it should, and to whom.
func (a arrangement) check(b *testing.B, r request) {
	got := ask(b, r.method, a.url+r.path, a.authorization)
	require.Equal(b, http.StatusOK, got.status, "%s of %s: %s", r.name, a.name, got.body)
	require.EqualValues(b, r.length, got.length)
	if r.method == http.MethodHead {
		require.Equal(b, r.digest.String(), got.header.Get("Docker-Content-Digest"))
	} else {
		digest := sha256.Sum256(got.body)
		require.Equal(b, r.digest.Hex, hex.EncodeToString(digest[:]))
	}
	if a.open {
		return
	}
	// Neither is a failed login, which the guard would hold against our address.
	for _, bad := range []string{"", a.authorization[:len(a.authorization)-10]} {
		require.Equal(b, http.StatusUnauthorized, ask(b, r.method, a.url+r.path, bad).status, "%s of %s", r.name, a.name)
	}
}
