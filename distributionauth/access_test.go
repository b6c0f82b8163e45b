package distributionauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
)

func access(kind, class, name, action string) auth.Access {
	return auth.Access{Resource: auth.Resource{Type: kind, Class: class, Name: name}, Action: action}
}

// TestAccesses is about a handler of the host program's own.
func TestAccesses(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	var (
		pull       = access("repository", "", "team/app", "pull")
		push       = access("repository", "", "team/app", "push")
		remove     = access("repository", "", "team/app", "delete")
		everything = access("repository", "", "team/app", "*")
		catalog    = access("registry", "", "catalog", "*")
	)
	const some, all, lists = "repository:*:pull,push", "repository:*:pull,push,admin", "registry:*:list"
	for _, row := range []struct {
		name     string
		accesses []auth.Access
		scopes   []string
		allowed  bool
	}{
		{"none", nil, nil, true},
		{"pull", []auth.Access{pull}, []string{some}, true},
		{"pull, without", []auth.Access{pull}, []string{"repository:team/app:admin"}, false},
		{"pull and push", []auth.Access{pull, push}, []string{some}, true},
		{"pull and push, without", []auth.Access{pull, push}, []string{"repository:team/app:pull"}, false},
		{"push and pull, without", []auth.Access{push, pull}, []string{"repository:team/app:pull"}, false},
		{"delete", []auth.Access{remove}, []string{"repository:team/app:admin"}, true},
		{"delete, without", []auth.Access{remove}, []string{some}, false},
		{"*", []auth.Access{everything}, []string{all}, true},
		{"*, without", []auth.Access{everything}, []string{some}, false},
		{"the catalogue", []auth.Access{catalog}, []string{lists}, true},
		{"the catalogue, without", []auth.Access{catalog}, []string{all}, false},
		{"the catalogue, in part", []auth.Access{catalog}, []string{all, "registry:t*:list"}, false},
		{"one of two repositories", []auth.Access{pull, access("repository", "", "other/lib", "pull")}, []string{"repository:team/*:pull"}, false},
		{"a repository and the catalogue", []auth.Access{pull, catalog}, []string{all}, false},
		{"the catalogue and a repository", []auth.Access{catalog, pull}, []string{lists}, false},

		{"an unknown action", []auth.Access{access("repository", "", "team/app", "admin")}, []string{all, lists}, false},
		{"no action", []auth.Access{access("repository", "", "team/app", "")}, []string{all, lists}, false},
		{"two actions", []auth.Access{access("repository", "", "team/app", "pull,push")}, []string{all, lists}, false},
		{"an unknown type", []auth.Access{access("namespace", "", "team/app", "pull")}, []string{all, lists}, false},
		{"no type", []auth.Access{access("", "", "team/app", "pull")}, []string{all, lists}, false},
		{"a class", []auth.Access{access("repository", "plugin", "team/app", "pull")}, []string{all, lists}, false},
		{"a class of the catalogue", []auth.Access{access("registry", "plugin", "catalog", "*")}, []string{all, lists}, false},
		{"something else of the registry", []auth.Access{access("registry", "", "settings", "*")}, []string{all, lists}, false},
		{"another action on the catalogue", []auth.Access{access("registry", "", "catalog", "pull")}, []string{all, lists}, false},
		{"a known and an unknown one", []auth.Access{pull, access("registry", "", "settings", "*")}, []string{all, lists}, false},
		{"no repository's name", []auth.Access{access("repository", "", "team/../app", "pull")}, []string{all, lists}, false},
		{"a pattern", []auth.Access{access("repository", "", "*", "pull")}, []string{all, lists}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			login := s.login("robot", row.scopes...)
			defer func() { require.NoError(t, s.delete(login)) }()
			r := httptest.NewRequest(http.MethodDelete, "/v2/team/app/manifests/v1?from=secret/x", nil) // of no meaning here
			r.SetBasicAuth(login.Name, login.Password.Reveal())
			s.told()
			grant, err := controller.Authorized(r, row.accesses...)
			events := s.told()
			if !row.allowed {
				require.Nil(t, grant)
				require.ErrorIs(t, err, regtoken.ErrDenied)
				last := events[len(events)-1]
				require.Equal(t, regtoken.OpAuthorize, last.Operation)
				require.Equal(t, regtoken.Denied, last.Outcome)
				require.Equal(t, "robot", last.TokenName)
				require.NotEmpty(t, last.Reason)
				return
			}
			require.NoError(t, err)
			require.Equal(t, regtoken.Succeeded, outcomeOf(events))
			require.Equal(t, auth.UserInfo{Name: "robot"}, grant.User)
		})
	}
}

func TestResourcesOfAGrant(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth(s.root.Name, s.root.Password.Reveal())

	grant, err := controller.Authorized(r,
		access("repository", "", "team/app", "pull"),
		access("repository", "", "team/app", "push"),
		access("repository", "", "other/lib", "pull"),
		access("registry", "", "catalog", "*"),
	)
	require.NoError(t, err)
	require.Equal(t, []auth.Resource{
		{Type: "repository", Name: "team/app"},
		{Type: "repository", Name: "other/lib"},
		{Type: "registry", Name: "catalog"},
	}, grant.Resources)

	grant, err = controller.Authorized(r)
	require.NoError(t, err)
	require.Empty(t, grant.Resources)
}

// TestRoutesOfALaterDistribution: what a route is for that is not in the table,
// only its authors know.
func TestRoutesOfALaterDistribution(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	for name, status := range map[string]int{"referrers": http.StatusNotFound, "": http.StatusOK} {
		router := mux.NewRouter()
		route := router.Path("/v2/{name:.*}/referrers")
		if name != "" {
			route.Name(name)
		}
		route.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := controller.Authorized(r, access("repository", "", "team/app", "pull")); err != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		})
		r := httptest.NewRequest(http.MethodGet, "/v2/team/app/referrers", nil)
		r.SetBasicAuth(s.root.Name, s.root.Password.Reveal())
		answer := httptest.NewRecorder()
		distributionauth.Handler(router).ServeHTTP(answer, r)
		require.Equal(t, status, answer.Code)
	}
}
