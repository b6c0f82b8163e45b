package distributionauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// rows are the requests of the OCI distribution API and what each needs: a
// token that may, and tokens that have all rights but the one, the other, or
// both of those it needs.
var rows = []struct {
	method, target string
	contentType    string
	body           []byte
	status         int

	may   []string
	lacks [][]string
}{
	{
		method: http.MethodGet, target: "/v2/", status: http.StatusOK,
		may: nil,
	},
	{
		method: http.MethodHead, target: "/v2/", status: http.StatusOK,
		may: nil,
	},
	{
		method: http.MethodGet, target: "/v2/_catalog", status: http.StatusOK,
		may: []string{"registry:*:list"},
		lacks: [][]string{
			{"repository:*:pull,push,admin"},
			{"repository:*:pull,push,admin", "registry:team/*:list", "registry:other/*:list"},
		},
	},
	{
		method: http.MethodGet, target: "/v2/team/app/manifests/v1", status: http.StatusOK,
		may: pulls, lacks: lacksPull,
	},
	{
		method: http.MethodHead, target: "/v2/team/app/manifests/MANIFEST", status: http.StatusOK,
		may: pulls, lacks: lacksPull,
	},
	{
		method: http.MethodPut, target: "/v2/team/app/manifests/v2", contentType: manifestType, body: manifest, status: http.StatusCreated,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodDelete, target: "/v2/team/app/manifests/v1", status: http.StatusAccepted,
		may: deletes, lacks: lacksAdmin,
	},
	{
		method: http.MethodDelete, target: "/v2/team/app/manifests/MANIFEST", status: http.StatusAccepted,
		may: deletes, lacks: lacksAdmin,
	},
	{
		method: http.MethodGet, target: "/v2/team/app/blobs/BLOB", status: http.StatusOK,
		may: pulls, lacks: lacksPull,
	},
	{
		method: http.MethodHead, target: "/v2/team/app/blobs/BLOB", status: http.StatusOK,
		may: pulls, lacks: lacksPull,
	},
	{
		method: http.MethodDelete, target: "/v2/team/app/blobs/BLOB", status: http.StatusAccepted,
		may: deletes, lacks: lacksAdmin,
	},
	{
		method: http.MethodGet, target: "/v2/team/app/tags/list", status: http.StatusOK,
		may: pulls, lacks: lacksPull,
	},
	{
		method: http.MethodPost, target: "/v2/team/app/blobs/uploads/", status: http.StatusAccepted,
		may: pushes, lacks: lacksPush,
	},
	{ // distribution begins an upload all the same
		method: http.MethodPost, target: "/v2/team/app/blobs/uploads/?digest=MORE", contentType: octets, body: uploaded, status: http.StatusAccepted,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodPost, target: "/v2/team/app/blobs/uploads/?mount=MORE", status: http.StatusAccepted,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodPost, target: "/v2/team/app/blobs/uploads/?mount=MORE&from=other/lib", status: http.StatusCreated,
		may: []string{"repository:team/app:pull,push", "repository:other/lib:pull"},
		lacks: [][]string{
			{"repository:team/app:pull,push,admin", "repository:other/lib:admin"},
			{"repository:team/*:pull,push,admin"},
			{"repository:team/app:pull,admin", "repository:other/lib:pull,push,admin"},
			{"repository:team/app:admin", "repository:other/lib:pull,push,admin"},
		},
	},
	{
		method: http.MethodGet, target: "UPLOAD", status: http.StatusNoContent,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodPatch, target: "UPLOAD", contentType: octets, body: uploaded, status: http.StatusAccepted,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodPut, target: "UPLOAD&digest=MORE", contentType: octets, body: uploaded, status: http.StatusCreated,
		may: pushes, lacks: lacksPush,
	},
	{
		method: http.MethodDelete, target: "UPLOAD", status: http.StatusNoContent,
		may: pushes, lacks: lacksPush,
	},
}

// A scope with push has pull: who lacks pull lacks both.
var (
	pulls     = []string{"repository:team/app:pull"}
	lacksPull = [][]string{
		{"repository:team/app:admin", "repository:other/*:pull,push,admin", "registry:*:list"},
		nil,
	}
	pushes    = []string{"repository:team/app:pull,push"}
	lacksPush = [][]string{
		{"repository:team/app:pull,admin", "repository:other/*:pull,push,admin", "registry:*:list"},
		{"repository:team/app:admin", "repository:other/*:pull,push,admin", "registry:*:list"},
		{"repository:team/app:pull"},
	}
	deletes    = []string{"repository:team/app:admin"}
	lacksAdmin = [][]string{
		{"repository:team/app:pull,push", "repository:other/*:pull,push,admin", "registry:*:list"},
		nil,
	}
)

func TestEachRequestNeedsItsRights(t *testing.T) {
	for _, row := range rows {
		t.Run(row.method+" "+row.target, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			target := s.fill(row.target)
			for _, scopes := range row.lacks {
				lacking := s.login("lacking", scopes...)
				handled := s.do(s.request(s.handled, row.method, target, row.contentType, row.body, lacking))
				requireRefusal(t, handled, http.StatusForbidden, "DENIED")
				s.told()
				requireBareRefusal(t, s.do(s.request(s.bare, row.method, target, row.contentType, row.body, lacking)))
				require.Equal(t, regtoken.Denied, outcomeOf(s.told()))
				require.NoError(t, s.delete(lacking))
			}
			requireRefusal(t, s.do(s.request(s.handled, row.method, target, row.contentType, row.body)),
				http.StatusUnauthorized, "UNAUTHORIZED")

			may := s.login("may", row.may...)
			s.told()
			got := s.do(s.request(s.handled, row.method, target, row.contentType, row.body, may))
			require.Equal(t, row.status, got.status, got.body)
			require.Equal(t, regtoken.Succeeded, outcomeOf(s.told()))
		})
	}
}

// outcomeOf returns the outcome of the last event, which is that of a request.
func outcomeOf(events []regtoken.Event) regtoken.Outcome {
	return events[len(events)-1].Outcome
}

// TestTheRegistryAloneLetsInAsMuch is without a Handler.
func TestTheRegistryAloneLetsInAsMuch(t *testing.T) {
	for _, row := range rows {
		t.Run(row.method+" "+row.target, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			may := s.login("may", row.may...)
			got := s.do(s.request(s.bare, row.method, s.fill(row.target), row.contentType, row.body, may))
			require.Equal(t, row.status, got.status, got.body)
		})
	}
}

func TestUnknownRequestsAreRefused(t *testing.T) {
	s := newSite(t)
	all := s.root
	for _, row := range []struct {
		method, target, allow string
	}{
		{http.MethodPost, "/v2/", "GET, HEAD"},
		{http.MethodOptions, "/v2/", "GET, HEAD"},
		{http.MethodHead, "/v2/_catalog", "GET"},
		{http.MethodDelete, "/v2/_catalog", "GET"},
		{http.MethodPost, "/v2/team/app/manifests/v1", "DELETE, GET, HEAD, PUT"},
		{http.MethodPatch, "/v2/team/app/manifests/v1", "DELETE, GET, HEAD, PUT"},
		{http.MethodPut, "/v2/team/app/blobs/BLOB", "DELETE, GET, HEAD"},
		{http.MethodHead, "/v2/team/app/tags/list", "GET"},
		{http.MethodDelete, "/v2/team/app/tags/list", "GET"},
		{http.MethodGet, "/v2/team/app/blobs/uploads/", "POST"},
		{http.MethodHead, "UPLOAD", "DELETE, GET, PATCH, PUT"},
		{http.MethodPost, "UPLOAD", "DELETE, GET, PATCH, PUT"},
		{"MKCOL", "/v2/team/app/manifests/v1", "DELETE, GET, HEAD, PUT"},
	} {
		t.Run(row.method+" "+row.target, func(t *testing.T) {
			target := s.fill(row.target)
			got := s.do(s.request(s.handled, row.method, target, "", nil, all))
			requireRefusal(t, got, http.StatusMethodNotAllowed, "UNSUPPORTED")
			require.Equal(t, row.allow, got.header.Get("Allow"))
			requireBareRefusal(t, s.do(s.request(s.bare, row.method, target, "", nil, all)))
		})
	}
	for _, target := range []string{
		"/v3/", "/v2/team/app", "/v2/team/app/referrers/BLOB", "/v2/_catalog/x",
	} {
		t.Run(target, func(t *testing.T) {
			require.Equal(t, http.StatusNotFound, s.get(s.fill(target), all).status)
		})
	}
}

// TestOtherSpellingsOfAPath: distribution decodes and cleans paths, and it
// judges what it then serves.
func TestOtherSpellingsOfAPath(t *testing.T) {
	s := newSite(t)
	team := s.login("team", "repository:team/*:pull")
	for _, row := range []struct {
		target string
		status int
	}{
		{"/v2", http.StatusMovedPermanently},
		{"/v2/team/app/tags/list", http.StatusOK},
		{"/v2/team%2Fapp/tags/list", http.StatusOK},
		{"/v2/%74eam/app/tags/list", http.StatusOK},
		{"/v2/other%2Flib/tags/list", http.StatusForbidden},
		{"/v2/%6Fther/lib/tags/list", http.StatusForbidden},
		{"/v2/team/app/../../other/lib/tags/list", http.StatusMovedPermanently},
		{"/v2/team/app/%2e%2e/%2e%2e/other/lib/tags/list", http.StatusMovedPermanently},
		{"/v2/team/app/..%2f../other/lib/tags/list", http.StatusMovedPermanently},
		{"/v2/team//app/tags/list", http.StatusMovedPermanently},
		{"/v2//other/lib/tags/list", http.StatusMovedPermanently},
		{"/v2/team/app%00/tags/list", http.StatusNotFound},
		{"/v2/team/app%5c..%5cx/tags/list", http.StatusNotFound},
		{"/v2/TEAM/app/tags/list", http.StatusForbidden}, // to distribution, a host
		{"/v2/team:5000/app/tags/list", http.StatusForbidden},
		{"/v2/team/" + strings.Repeat("a", 255) + "/tags/list", http.StatusForbidden},
	} {
		t.Run(row.target, func(t *testing.T) {
			require.Equal(t, row.status, s.get(row.target, team).status)
		})
	}
}
