package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// The names are such that registries order them in different ways.
var (
	visible = []string{"team", "team/0", "team/a", "team/a/b", "team/z"}
	hidden  = []string{"a", "secret/a", "team-a", "teams", "z/team"}
)

var listsTeam = rights{"registry:team:list", "registry:team/*:list"}

func (s *site) publishAll(t *testing.T) {
	t.Helper()
	for _, repository := range slices.Concat(hidden, visible) {
		s.publish(t, repository, "v1")
	}
}

var nextLink = regexp.MustCompile(`^<(/v2/_catalog\?([^>]+))>; rel="next"$`)

// page asks for one page of the catalogue, and returns the target of its link.
func (s *site) page(t *testing.T, c regtoken.Credential, target string) (repositories []string, next string) {
	t.Helper()
	got := s.send(t, c, request{method: http.MethodGet, target: target})
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	var body struct{ Repositories []string }
	require.NoError(t, json.Unmarshal(got.body, &body))
	if link := got.header.Get("Link"); link != "" {
		parts := nextLink.FindStringSubmatch(link)
		require.NotNil(t, parts, link)
		query, err := url.ParseQuery(parts[2])
		require.NoError(t, err)
		require.NotEmpty(t, body.Repositories)
		assert.Equal(t, body.Repositories[len(body.Repositories)-1], query.Get("last"), "the link names what the page does not")
		next = parts[1]
	}
	return body.Repositories, next
}

func TestCatalogueIsCutDown(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rights rights
		want   []string
	}{
		{listsTeam, visible},
		{rights{"registry:*:list"}, slices.Concat(visible, hidden)},
		{rights{"registry:team/a:list", "repository:*:pull,push,admin"}, []string{"team/a"}},
		{rights{"registry:nowhere/*:list"}, []string{}},
	}
	for _, test := range tests {
		t.Run(test.rights.String(), func(t *testing.T) {
			eachRegistry(t, func(t *testing.T, s *site) {
				s.publishAll(t)
				c := s.token(t, test.rights)
				for _, size := range []int{1, 2, 3, len(test.want), 100} {
					if size == 0 {
						continue
					}
					var got []string
					target := fmt.Sprintf("/v2/_catalog?n=%d", size)
					for target != "" {
						repositories, next := s.page(t, c, target)
						require.LessOrEqual(t, len(repositories), size)
						got = append(got, repositories...)
						require.LessOrEqual(t, len(got), len(test.want), "%v", got)
						target = next
					}
					assert.ElementsMatch(t, test.want, got, "pages of %d", size)
				}
				all, next := s.page(t, c, "/v2/_catalog")
				assert.ElementsMatch(t, test.want, all)
				assert.Empty(t, next)
			})
		})
	}
}

// TestCatalogueByClients follows the links as clients do.
func TestCatalogueByClients(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		s.publishAll(t)
		c := s.token(t, listsTeam)

		got, err := remote.Catalog(t.Context(), s.registry(t), append(s.as(t, c), remote.WithPageSize(2))...)
		require.NoError(t, err)
		assert.ElementsMatch(t, visible, got)

		got, err = s.orasCatalogue(t, c, 2)
		require.NoError(t, err)
		assert.ElementsMatch(t, visible, got)
	})
}

// TestCatalogueBehindHiddenName asks to go on behind names that the token does
// not see: the answer tells nothing of whether they are there.
func TestCatalogueBehindHiddenName(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		s.publishAll(t)
		c := s.token(t, listsTeam)
		for _, pair := range [][2]string{{"secret/a", "secret/b"}, {"a", "b"}, {"z/team", "z/teal"}} {
			there, _ := s.page(t, c, "/v2/_catalog?last="+url.QueryEscape(pair[0]))
			absent, _ := s.page(t, c, "/v2/_catalog?last="+url.QueryEscape(pair[1]))
			assert.Equal(t, there, absent, "%v", pair)
		}
	})
}

// TestCatalogueOfManyRepositories is about more than distribution answers with
// at once, which is 100.
func TestCatalogueOfManyRepositories(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		var want []string
		for i := range 110 {
			repository := fmt.Sprintf("crowd/%03d", i)
			s.publish(t, repository, "v1")
			if i%10 == 9 {
				want = append(want, repository)
			}
		}
		got, next := s.page(t, s.token(t, rights{"registry:crowd/*9:list"}), "/v2/_catalog")
		assert.ElementsMatch(t, want, got)
		assert.Empty(t, next)
	})
}
