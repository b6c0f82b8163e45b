package interop

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// A client is a library that talks to registries.
type client struct {
	name string

	// operations are what it can do, by the names in roles. Each works on an
	// artifact that is there, with one login, and returns the client's error.
	operations map[string]operation

	// readsToDelete says that it pulls a manifest before it deletes it, to see
	// whether it refers to another one.
	readsToDelete bool

	// session logs in once, and returns what pulls the artifact anew at each
	// call.
	session func(*testing.T, *site, regtoken.Credential, artifact) func() error

	// refusal takes the status and the code (if the answer had a body) out of
	// the client's error.
	refusal func(*testing.T, error) (status int, code string)
}

type operation func(*testing.T, *site, regtoken.Credential, artifact) error

var clients = []client{googleClient, orasClient}

// A role is what a token is made for: what it may do, and what works with it.
type role struct {
	name   string
	rights rights
	works  []string
}

// The artifact is in team/app; base/image is there to copy from.
var roles = []role{
	{
		"everything", everything,
		[]string{"login", "push", "push an index", "pull", "tags", "catalogue", "referrers", "sign", "mount", "copy", "delete a tag", "delete a manifest", "delete a blob"},
	},
	{"pull", rights{"repository:team/app:pull"}, []string{"login", "pull", "tags", "referrers"}},
	{"push", rights{"repository:team/app:pull,push"}, []string{"login", "push", "push an index", "pull", "tags", "referrers", "sign"}},
	{
		"push, and pull from elsewhere", rights{"repository:team/*:pull,push", "repository:base/*:pull"},
		[]string{"login", "push", "push an index", "pull", "tags", "referrers", "sign", "mount", "copy"},
	},
	{"admin", rights{"repository:team/app:admin"}, []string{"login", "delete a tag", "delete a manifest", "delete a blob"}},
	{
		"pull and admin", rights{"repository:team/app:pull,admin"},
		[]string{"login", "pull", "tags", "referrers", "delete a tag", "delete a manifest", "delete a blob"},
	},
	{"list", rights{"registry:*:list"}, []string{"login", "catalogue"}},
	{"no scope", nothing, []string{"login"}},
	{"another repository", rights{"repository:team/app/*:pull,push,admin", "repository:team-app:pull,push,admin"}, []string{"login"}},
}

func TestClientsCanDoWhatTheirTokenMay(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		for _, role := range roles {
			t.Run(c.name+"/"+role.name, func(t *testing.T) {
				eachRegistry(t, func(t *testing.T, s *site) { c.play(t, s, role) })
			})
		}
	}
}

func (c client) play(t *testing.T, s *site, role role) {
	s.publish(t, "base/image", "v1")
	credential := s.token(t, role.rights)
	for name, operate := range c.operations {
		works := slices.Contains(role.works, name)
		if name == "delete a manifest" && c.readsToDelete {
			works = works && slices.Contains(role.works, "pull")
		}
		t.Run(name, func(t *testing.T) {
			err := operate(t, s, credential, s.publish(t, "team/app", "v1"))
			if works {
				require.NoError(t, err)
				return
			}
			c.requireRefusal(t, err, 403, "DENIED")
		})
	}
}

// requireRefusal asserts that the client saw this answer. A refused HEAD has no
// body, and so no code.
func (c client) requireRefusal(t *testing.T, err error, status int, code string) {
	t.Helper()
	require.Error(t, err)
	gotStatus, gotCode := c.refusal(t, err)
	require.Equal(t, status, gotStatus, "%v", err)
	if gotCode != "" {
		assert.Equal(t, code, gotCode, "%v", err)
	}
}
