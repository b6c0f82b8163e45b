package interop

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The guard cannot mend what a registry does behind it. These tests hold what
// that is; see also what software says of each registry.

func TestSomeRegistriesShareBlobs(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		secret := s.publish(t, "secret/app", "v1")
		s.publish(t, "team/app", "v1")
		c := s.token(t, rights{"repository:team/*:pull"})
		blob := request{method: http.MethodGet, target: "/v2/secret/app/blobs/" + secret.layer}
		s.denied(t, c, blob)

		blob.target = "/v2/team/app/blobs/" + secret.layer
		want := http.StatusNotFound
		if s.sharesBlobs {
			want = http.StatusOK
		}
		assert.Equal(t, want, s.send(t, c, blob).status)
	})
}

// TestBareCatalogue asks the registries themselves: one names hidden
// repositories in its links, the other has no pages.
func TestBareCatalogue(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		for _, repository := range []string{"a", "b", "c"} {
			s.publish(t, repository, "v1")
		}
		ask := func(query string) http.Header {
			got := httptest.NewRecorder()
			s.passed.registry.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/_catalog"+query, nil))
			require.Equal(t, http.StatusOK, got.Code)
			return got.Header()
		}
		link := ask("?n=1").Get("Link")
		if s.noCatalogPaging {
			assert.Empty(t, link)
			return
		}
		assert.Contains(t, link, "last=a&n=1")
	})
}

// TestDistributionHasNoReferrersAPI holds that the guard asks for pull before
// it lets the registry say so, and that clients' way around it works through
// the guard. (That way is a tag; the roles of the clients' tests take it.)
func TestDistributionHasNoReferrersAPI(t *testing.T) {
	t.Parallel()
	s := startSite(t, distribution, httptest.NewServer)
	a := s.publish(t, "team/app", "v1")
	s.sign(t, a)
	referrers := request{method: http.MethodGet, target: "/v2/team/app/referrers/" + a.digest}
	s.denied(t, s.token(t, nothing), referrers)
	assert.Equal(t, http.StatusNotFound, s.send(t, s.token(t, everything), referrers).status)
	fallback := request{method: http.MethodGet, target: "/v2/team/app/manifests/sha256-" + a.digest[len("sha256:"):]}
	got := s.send(t, s.token(t, rights{"repository:team/app:pull"}), fallback)
	assert.Equal(t, http.StatusOK, got.status, "%s", got.body)
}
