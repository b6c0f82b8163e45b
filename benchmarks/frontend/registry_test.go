package frontend

import (
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	repository = "team/app"
	tag        = "latest"
)

// A software is a registry as its authors made it.
type software struct {
	name  string
	start func(*testing.B) http.Handler
}

var softwares = []software{
	{"distribution", func(b *testing.B) http.Handler { return startDistribution(b, b.TempDir(), nil) }},
	{"go-containerregistry", func(*testing.B) http.Handler {
		return registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	}},
}

// startDistribution starts a distribution registry on a folder.
func startDistribution(b *testing.B, folder string, auth configuration.Auth) http.Handler {
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": folder},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: auth,
	}
	config.Log.AccessLog.Disabled = true
	app := handlers.NewApp(b.Context(), config)
	b.Cleanup(func() { assert.NoError(b, app.Shutdown()) })
	return app
}

// A request is one that a client makes when it pulls the image.
type request struct {
	name         string
	method, path string
	digest       v1.Hash // of the body, or of what GET would give
	length       int
}

// The image has layers of these sizes, random bytes all of them.
const (
	smallLayer = 64 << 10
	largeLayer = 1 << 20
)

// push fills a registry, and returns what can be pulled.
func push(b *testing.B, host string) []request {
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for _, size := range []int{smallLayer, largeLayer} {
		content := make([]byte, size)
		_, _ = rand.Read(content) // it does not fail
		var err error
		image, err = mutate.AppendLayers(image, static.NewLayer(content, types.OCILayer))
		require.NoError(b, err)
	}
	reference, err := name.ParseReference(host+"/"+repository+":"+tag, name.Insecure)
	require.NoError(b, err)
	require.NoError(b, remote.Write(reference, image, remote.WithContext(b.Context())))

	digest, err := image.Digest()
	require.NoError(b, err)
	size, err := image.Size()
	require.NoError(b, err)
	manifest, err := image.Manifest()
	require.NoError(b, err)
	requests := []request{
		{"manifest", http.MethodGet, "manifests/" + digest.String(), digest, int(size)},
		{"manifest-head", http.MethodHead, "manifests/" + tag, digest, int(size)},
	}
	for i, name := range []string{"config", "layer-64KiB", "layer-1MiB"} {
		blob := manifest.Config
		if i > 0 {
			blob = manifest.Layers[i-1]
		}
		requests = append(requests, request{name, http.MethodGet, "blobs/" + blob.Digest.String(), blob.Digest, int(blob.Size)})
	}
	for i := range requests {
		requests[i].path = "/v2/" + repository + "/" + requests[i].path
	}
	return requests
}

// named returns the requests of these names.
func named(requests []request, names ...string) (some []request) {
	for _, r := range requests {
		for _, name := range names {
			if r.name == name {
				some = append(some, r)
			}
		}
	}
	return some
}

// htpasswd returns the configuration of distribution's own authentication.
func htpasswd(folder string) configuration.Auth {
	return configuration.Auth{"htpasswd": configuration.Parameters{
		"realm": "registry", "path": filepath.Join(folder, "htpasswd"),
	}}
}
