package interop

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/assert"
)

// A software is a registry as its authors made it, and what it lacks: where
// one of the fields says so, the tests assert what it does instead.
type software struct {
	name  string
	start func(*testing.T) http.Handler

	redirectsPing   bool // it sends "/v2" on to "/v2/"
	noReferrers     bool // it has no referrers API, and answers 404
	noMount         bool // it begins an upload instead of mounting a blob
	noSinglePost    bool // it begins an upload instead of taking a blob in one POST
	noUploadStatus  bool // it answers 400 when an upload's status is asked for, or its end
	noCatalogPaging bool // it ignores "last", and cuts in no order
	sharesBlobs     bool // a blob of one repository can be had from every other
	tagsOutlive     bool // a tag outlives its manifest's deletion by digest
}

var inProcess = software{
	name: "go-containerregistry",
	start: func(*testing.T) http.Handler {
		return registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	},
	noMount:         true,
	noUploadStatus:  true,
	noCatalogPaging: true,
	sharesBlobs:     true,
	tagsOutlive:     true,
}

var distribution = software{
	name: "distribution",
	start: func(t *testing.T) http.Handler {
		config := &configuration.Configuration{Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": t.TempDir()},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		}}
		config.Catalog.MaxEntries = 1000
		app := handlers.NewApp(t.Context(), config)
		t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
		return app
	},
	redirectsPing: true,
	noReferrers:   true,
	noSinglePost:  true,
}

// eachRegistry runs a test against every registry, each time behind a guard of
// its own.
func eachRegistry(t *testing.T, test func(*testing.T, *site)) {
	eachRegistryOn(t, httptest.NewServer, test)
}

func eachRegistryOn(t *testing.T, serve func(http.Handler) *httptest.Server, test func(*testing.T, *site)) {
	for _, s := range []software{inProcess, distribution} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, startSite(t, s, serve))
		})
	}
}
