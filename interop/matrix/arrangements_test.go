package matrix

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/distributionauth"
	"github.com/regtoken/regtoken/registryauth"
)

// An arrangement is a way to put regtoken and a registry together.
type arrangement struct {
	name  string
	about string

	// start starts it and returns its port.
	start func(*testing.T, *site) (port string)

	// lacking is what a client sees whose token lacks a right.
	lacking outcome

	// listsParts says that who may list some repositories is shown these.
	// Otherwise it is shown none.
	listsParts bool

	// another says that the arrangement differs from those before only in what
	// is behind the guard or around it: without -full it is tried by fewer
	// rows.
	another bool
}

var arrangements = []arrangement{
	{
		name:    "stock",
		about:   "distribution as it is released, in a process of its own, with `auth: token`, the JWKS in a file, and the token server at another port. It verifies JWTs by itself, and answers 401 also where a right is lacking.",
		lacking: unauthorized,
		start: func(t *testing.T, s *site) string {
			return startStockWithTokens(t, s, loopback)
		},
	},
	{
		name:       "Basic",
		about:      "the same registry without authentication of its own behind the guard, which asks for HTTP Basic.",
		lacking:    denied,
		listsParts: true,
		start: func(t *testing.T, s *site) string {
			return startGuard(t, s, behindProxy(t), &registryauth.GuardOptions{FailedLogins: plenty})
		},
	},
	{
		name:       "Bearer",
		about:      "the same behind the guard with a token server on the registry's origin.",
		lacking:    denied,
		listsParts: true,
		start: func(t *testing.T, s *site) string {
			return startGuard(t, s, behindProxy(t), &registryauth.GuardOptions{TokenServer: s.tokens})
		},
	},
	{
		another: true,
		name:    "plug-in",
		about:   "distribution with our access controller, `distributionauth`, in it. It shows all of the catalogue or none.",
		lacking: denied,
		start: func(t *testing.T, s *site) string {
			return s.serve(t, newDistributionWithPlugIn(t, s))
		},
	},
	{
		another:    true,
		name:       "google",
		about:      "go-containerregistry's registry behind the guard with a token server.",
		lacking:    denied,
		listsParts: true,
		start: func(t *testing.T, s *site) string {
			inMemory := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
			return startGuard(t, s, inMemory, &registryauth.GuardOptions{TokenServer: s.tokens})
		},
	},
	{
		another:    true,
		name:       "ocimem",
		about:      "cuelabs' ociserver with ocimem behind the guard with a token server.",
		lacking:    denied,
		listsParts: true,
		start: func(t *testing.T, s *site) string {
			inMemory := ociserver.New(ocimem.New(), nil)
			return startGuard(t, s, inMemory, &registryauth.GuardOptions{TokenServer: s.tokens})
		},
	},
}

// startStockWithTokens starts a registry that is told of the token server by
// this name of the host.
func startStockWithTokens(t *testing.T, s *site, realmHost string) string {
	t.Helper()
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, s.tokens.Keys().WriteJWKS(jwks))
	config := newStock(t)
	scheme := "http://"
	if !s.plain {
		scheme = "https://"
		config.HTTP["tls"] = map[string]any{"certificate": s.certFile, "key": s.keyFile}
	}
	config.Auth = map[string]any{"token": map[string]any{
		"realm":   scheme + realmHost + ":" + s.serve(t, s.tokens) + registryauth.TokenPath,
		"issuer":  issuer,
		"service": service,
		"jwks":    jwks,
	}}
	return config.start(t)
}

// behindProxy starts a registry and returns what passes requests on to it.
func behindProxy(t *testing.T) http.Handler {
	t.Helper()
	stock := &url.URL{Scheme: "http", Host: "127.0.0.1:" + newStock(t).start(t)}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(stock)
		r.Out.Host = r.In.Host // the registry's links go to where the client is
		r.SetXForwarded()
	}}
}

func startGuard(t *testing.T, s *site, registry http.Handler, options *registryauth.GuardOptions) string {
	t.Helper()
	options.Now = s.clock.now
	guard, err := registryauth.NewGuard(registry, s.manager, options)
	require.NoError(t, err)
	return s.serve(t, guard)
}

func newDistributionWithPlugIn(t *testing.T, s *site) http.Handler {
	t.Helper()
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": t.TempDir()},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: distributionauth.Auth(s.manager, nil),
	}
	config.Catalog.MaxEntries = 1000
	app := handlers.NewApp(t.Context(), config)
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	return distributionauth.Handler(app)
}
