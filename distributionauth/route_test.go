package distributionauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	v2 "github.com/distribution/distribution/v3/registry/api/v2"
	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
)

// TestRoutesAskedForOtherwise is about accesses that distribution does not ask
// for on its routes today: the route and the accesses both count.
func TestRoutesAskedForOtherwise(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	const upload = "/v2/team/app/blobs/uploads/1"
	remove := access("repository", "", "team/app", "delete")
	for _, row := range []struct {
		name, method, target string
		accesses             []auth.Access
		scope                string
		allowed              bool
	}{
		{"the end of an upload", http.MethodDelete, upload, []auth.Access{remove}, "repository:*:pull,push", true},
		{"with a deletion elsewhere", http.MethodDelete, upload, []auth.Access{access("repository", "", "other/lib", "delete")}, "repository:*:pull,push", false},
		{"with more of it", http.MethodDelete, upload, []auth.Access{access("repository", "", "team/app", "*")}, "repository:*:pull,push", false},
		{"of another class", http.MethodDelete, upload, []auth.Access{access("repository", "plugin", "team/app", "delete")}, "repository:*:pull,push", false},
		{"by the right to delete alone", http.MethodDelete, upload, []auth.Access{remove}, "repository:*:admin", false},
		{"a deletion by other means", http.MethodPut, upload, []auth.Access{remove}, "repository:*:pull,push", false},
		{"an upload without accesses", http.MethodPut, upload, nil, "repository:*:pull", false},
		{"a manifest without accesses", http.MethodGet, "/v2/team/app/manifests/v1", nil, "repository:other/*:pull", false},
		{"a catalogue without accesses", http.MethodGet, "/v2/_catalog", nil, "repository:*:pull", false},
		{"a login", http.MethodGet, "/v2/", nil, "repository:other/*:pull", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			login := s.login("robot", row.scope)
			defer func() { require.NoError(t, s.delete(login)) }()
			router := v2.RouterWithPrefix("")
			var grant *auth.Grant
			var err error
			require.NoError(t, router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
				route.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					grant, err = controller.Authorized(r, row.accesses...)
				})
				return nil
			}))
			r := httptest.NewRequest(row.method, row.target, nil)
			r.SetBasicAuth(login.Name, login.Password.Reveal())
			router.ServeHTTP(httptest.NewRecorder(), r)
			if row.allowed {
				require.NoError(t, err)
				require.Equal(t, "robot", grant.User.Name)
				return
			}
			require.ErrorIs(t, err, regtoken.ErrDenied)
			require.Nil(t, grant)
		})
	}
}

// TestAFormThatWasRead is about a program that did so in front of distribution,
// and took away what tells.
func TestAFormThatWasRead(t *testing.T) {
	s := newSite(t)
	r := httptest.NewRequest(http.MethodPost, "/v2/team/app/blobs/uploads/", nil)
	r.SetBasicAuth(s.root.Name, s.root.Password.Reveal())
	r.PostForm = url.Values{"from": {"other/lib"}}
	answer := httptest.NewRecorder()
	s.app.ServeHTTP(answer, r)
	require.Equal(t, http.StatusBadRequest, answer.Code)
}
