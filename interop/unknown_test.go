package interop

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNothingElseIsPassedOn sends what SPEC 6.1 does not list, with a token
// that may do everything.
func TestNothingElseIsPassedOn(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name    string
		request request
		status  int
	}{
		{"root", request{method: "GET", target: "/"}, 404},
		{"another version", request{method: "GET", target: "/v1/"}, 404},
		{"metrics", request{method: "GET", target: "/metrics"}, 404},
		{"a repository itself", request{method: "GET", target: "/v2/team/app"}, 404},
		{"a repository's deletion", request{method: "DELETE", target: "/v2/team/app"}, 404},
		{"an unknown word", request{method: "GET", target: "/v2/team/app/secrets/v1"}, 404},
		{"a catalogue below", request{method: "GET", target: "/v2/team/_catalog"}, 404},
		{"blobs as a list", request{method: "GET", target: "/v2/team/app/blobs/"}, 404},
		{"uploads as a list", request{method: "GET", target: "/v2/team/app/blobs/uploads/"}, 405},
		{"a ping that writes", request{method: "POST", target: "/v2/"}, 405},
		{"a catalogue that writes", request{method: "POST", target: "/v2/_catalog"}, 405},
		{"a catalogue by HEAD", request{method: "HEAD", target: "/v2/_catalog"}, 405},
		{"a posted manifest", request{method: "POST", target: "/v2/team/app/manifests/v1"}, 405},
		{"a patched manifest", request{method: "PATCH", target: "/v2/team/app/manifests/v1"}, 405},
		{"deleted tags", request{method: "DELETE", target: "/v2/team/app/tags/list"}, 405},
		{"options", request{method: "OPTIONS", target: "/v2/team/app/manifests/v1"}, 405},
		{"an unknown method", request{method: "PURGE", target: "/v2/team/app/manifests/v1"}, 405},

		{"dots", request{method: "GET", target: "/v2/team/../secret/app/manifests/v1"}, 404},
		{"escaped dots", request{method: "GET", target: "/v2/team/%2e%2e/secret/app/manifests/v1"}, 404},
		{"an escaped slash", request{method: "GET", target: "/v2/team%2fapp/manifests/v1"}, 404},
		{"a slash too many", request{method: "GET", target: "/v2/team//app/manifests/v1"}, 404},
		{"a slash at the front", request{method: "GET", target: "//v2/team/app/manifests/v1"}, 404},
		{"a slash at the end", request{method: "GET", target: "/v2/team/app/manifests/v1/"}, 404},
		{"upper case", request{method: "GET", target: "/v2/Team/app/manifests/v1"}, 404},
		{"a long name", request{method: "GET", target: "/v2/" + strings.Repeat("a", 256) + "/manifests/v1"}, 404},

		{"a form as an upload", request{method: "POST", target: "/v2/team/app/blobs/uploads/", kind: form, body: []byte("mount=sha256:0&from=secret/app")}, 415},
		{"a multipart upload", request{method: "POST", target: "/v2/team/app/blobs/uploads/", kind: "multipart/form-data; boundary=x"}, 415},
		{"a mount from no repository's name", request{method: "POST", target: "/v2/team/app/blobs/uploads/?mount=sha256:0&from=../secret"}, 403},
	}
	eachRegistry(t, func(t *testing.T, s *site) {
		s.publish(t, "team/app", "v1")
		s.publish(t, "secret/app", "v1")
		credential := s.token(t, everything)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				before := s.passed.requests.Load()
				got := s.send(t, credential, test.request)
				assert.Equal(t, test.status, got.status, "%s", got.body)
				assert.Equal(t, before, s.passed.requests.Load(), "it reached the registry")
			})
		}
	})
}
