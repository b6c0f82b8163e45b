package matrix

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// A row is one step of the script.
type row struct {
	name string

	// operations are what a client must be able to do for it.
	operations []string

	// want is what a client sees, if it is no exception.
	want func(arrangement) outcome

	// play does it and returns what was seen.
	play func(*testing.T, *cell) outcome

	// detail says that the row is much like another one: see
	// arrangement.another.
	detail bool
}

func always(o outcome) func(arrangement) outcome {
	return func(arrangement) outcome { return o }
}

func lacking(a arrangement) outcome { return a.lacking }

func partOfListing(a arrangement) outcome {
	if a.listsParts {
		return done
	}
	return a.lacking
}

// A cell is where a client meets an arrangement.
type cell struct {
	client  client
	site    *site
	command string
	works   int
	output  string // of the last operation
}

// newWork makes a repository of its own for a row, and a user.
func (c *cell) newWork(t *testing.T) (work, *user) {
	t.Helper()
	u := newUser(t, c.site, c.command)
	writeLayout(t, filepath.Join(u.home, toPush), pushedTag)
	c.works++
	w := work{
		host:       c.site.host,
		repository: fmt.Sprintf("team/app-%d", c.works),
		pulled:     "pulled",
	}
	w.digest = c.site.publish(t, w.repository, publishedTag)
	return w, u
}

// try does an operation and looks whether it took effect.
func (c *cell) try(t *testing.T, name string, u *user, w work) outcome {
	t.Helper()
	u.output.Reset()
	err := c.client.operations[name](u, w)
	c.output = u.output.String()
	happened := err == nil
	if effect := effects[name]; effect != nil {
		happened = effect(t, c.site, w, u)
	}
	switch {
	case err != nil && happened:
		return yetDone
	case err != nil && changes[name] && c.site.digestOf(t, w.repository, publishedTag) != w.digest:
		return u.refusal() + yetChanged
	case err != nil:
		return u.refusal()
	case !happened:
		return withoutEffect
	default:
		return done
	}
}

// logIn logs a user in, by the client itself if it can.
func (c *cell) logIn(t *testing.T, u *user, w work) {
	t.Helper()
	if _, ok := c.client.operations[login]; !ok {
		u.give(t, w.credential, c.site.host)
		return
	}
	require.Equal(t, done, c.try(t, login, u, w), "%s", c.output)
}

// script is what every client does in every arrangement.
var script = []row{
	entering("login", everything),
	entering("login, a token without scopes", nothing),
	failing("login, a wrong password", func(t *testing.T, s *site) regtoken.Credential {
		_, right := s.create(t, regtoken.TokenSpec{}, everything)
		_, other := s.create(t, regtoken.TokenSpec{}, everything)
		right.Password = other.Password
		return right
	}),
	failing("login, an unknown name", func(t *testing.T, s *site) regtoken.Credential {
		_, right := s.create(t, regtoken.TokenSpec{}, everything)
		right.Name = "nobody"
		return right
	}),
	failing("login, a disabled token", func(t *testing.T, s *site) regtoken.Credential {
		_, disabled := s.create(t, regtoken.TokenSpec{Status: regtoken.Disabled}, everything)
		return disabled
	}),
	{
		name:       "pull after logout",
		operations: []string{login, logout, pull},
		want:       always(unauthorized),
		play: func(t *testing.T, c *cell) outcome {
			w, u := c.newWork(t)
			_, w.credential = c.site.create(t, regtoken.TokenSpec{}, everything)
			c.logIn(t, u, w)
			require.Equal(t, done, c.try(t, logout, u, w), "%s", c.output)
			return c.try(t, pull, u, w)
		},
	},

	with("", pull, rights{"repository:REPO:pull"}, always(done)),
	with(", a token that lacks pull", pull, rights{"repository:REPO:admin", "repository:base/*:pull,push,admin", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", pull, nothing, lacking)),
	disabled(pull),

	with("", tags, rights{"repository:REPO:pull"}, always(done)),
	with(", a token that lacks pull", tags, rights{"repository:REPO:admin", "repository:base/*:pull,push,admin", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", tags, nothing, lacking)),
	disabled(tags),

	with("", catalogue, rights{"registry:*:list"}, always(done)),
	hiding(source, with(", a token that lists some", catalogue, rights{"registry:team/*:list"}, partOfListing)),
	with(", a token that lacks list", catalogue, rights{"repository:*:pull,push,admin"}, lacking),
	detail(with(", a token without scopes", catalogue, nothing, lacking)),
	disabled(catalogue),

	with("", push, rights{"repository:REPO:pull,push"}, always(done)),
	with(", a token that lacks push", push, rights{"repository:*:pull,admin", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", push, nothing, lacking)),
	disabled(push),

	with("", copying, rights{"repository:REPO:pull,push", "repository:base/*:pull"}, always(done)),
	with(", a token that lacks push", copying, rights{"repository:*:pull,admin", "registry:*:list"}, lacking),
	with(", a token that lacks pull on the other", copying, rights{"repository:team/*:pull,push,admin", "repository:base/*:admin", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", copying, nothing, lacking)),
	disabled(copying),

	with("", deleteTag, rights{"repository:REPO:pull,admin"}, always(done)),
	with(", a token with admin alone", deleteTag, rights{"repository:REPO:admin"}, always(done)),
	with(", a token that lacks admin", deleteTag, rights{"repository:*:pull,push", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", deleteTag, nothing, lacking)),
	disabled(deleteTag),

	with("", deleteDigest, rights{"repository:REPO:pull,admin"}, always(done)),
	with(", a token with admin alone", deleteDigest, rights{"repository:REPO:admin"}, always(done)),
	with(", a token that lacks admin", deleteDigest, rights{"repository:*:pull,push", "registry:*:list"}, lacking),
	detail(with(", a token without scopes", deleteDigest, nothing, lacking)),
	disabled(deleteDigest),

	midSession("disabled", unauthorized, func(t *testing.T, s *site, token regtoken.Token) {
		_, err := s.manager.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
	}),
	midSession("expired", unauthorized, func(_ *testing.T, s *site, _ regtoken.Token) {
		s.clock.advance(3 * time.Hour)
	}),
	midSession("deleted", unauthorized, func(t *testing.T, s *site, token regtoken.Token) {
		require.NoError(t, s.manager.DeleteToken(t.Context(), token.ID))
	}),
	midSession("rotated, within the overlap", done, func(t *testing.T, s *site, token regtoken.Token) {
		_, err := s.manager.RotateSecret(t.Context(), token.ID, time.Hour)
		require.NoError(t, err)
	}),
	midSession("rotated, past the overlap", unauthorized, func(t *testing.T, s *site, token regtoken.Token) {
		_, err := s.manager.RotateSecret(t.Context(), token.ID, time.Hour)
		require.NoError(t, err)
		_, err = s.manager.RetireOldSecret(t.Context(), token.ID)
		require.NoError(t, err)
	}),
	{
		name:       "pull, the new secret of a rotated token",
		operations: []string{pull},
		want:       always(done),
		play: func(t *testing.T, c *cell) outcome {
			w, u := c.newWork(t)
			token, _ := c.site.create(t, regtoken.TokenSpec{}, everything)
			var err error
			w.credential, err = c.site.manager.RotateSecret(t.Context(), token.ID, time.Hour)
			require.NoError(t, err)
			c.logIn(t, u, w)
			return c.try(t, pull, u, w)
		},
	},
}

// entering logs in with a token that may.
func entering(name string, r rights) row {
	return row{name: name, operations: []string{login}, want: always(done), play: func(t *testing.T, c *cell) outcome {
		w, u := work{host: c.site.host}, newUser(t, c.site, c.command)
		_, w.credential = c.site.create(t, regtoken.TokenSpec{}, r)
		return c.try(t, login, u, w)
	}}
}

// failing logs in with what is no login.
func failing(name string, credential func(*testing.T, *site) regtoken.Credential) row {
	return row{name: name, operations: []string{login}, want: always(unauthorized), play: func(t *testing.T, c *cell) outcome {
		w, u := work{host: c.site.host}, newUser(t, c.site, c.command)
		w.credential = credential(t, c.site)
		return c.try(t, login, u, w)
	}}
}

// with does an operation with a token that has these rights. REPO stands for
// the repository.
func with(name, operation string, r rights, want func(arrangement) outcome) row {
	return attempt(operation+name, operation, regtoken.TokenSpec{}, r, want)
}

// hiding is a row whose answer must not have this word.
func hiding(word string, r row) row {
	play := r.play
	r.play = func(t *testing.T, c *cell) outcome {
		o := play(t, c)
		if printed(c.output, word) {
			return showsTooMuch
		}
		return o
	}
	return r
}

// detail marks a row.
func detail(r row) row {
	r.detail = true
	return r
}

// disabled does an operation with a token that may do everything but is
// disabled.
func disabled(operation string) row {
	return detail(attempt(operation+", a disabled token", operation, regtoken.TokenSpec{Status: regtoken.Disabled}, everything, always(unauthorized)))
}

func attempt(name, operation string, spec regtoken.TokenSpec, r rights, want func(arrangement) outcome) row {
	return row{name: name, operations: []string{operation}, want: want, play: func(t *testing.T, c *cell) outcome {
		w, u := c.newWork(t)
		filled := make(rights, len(r))
		for i, text := range r {
			filled[i] = strings.ReplaceAll(text, "REPO", w.repository)
		}
		_, credential := c.site.create(t, spec, filled)
		u.give(t, credential, c.site.host)
		return c.try(t, operation, u, w)
	}}
}

// midSession pulls with a login that worked before something happened to its
// token.
func midSession(name string, want outcome, event func(*testing.T, *site, regtoken.Token)) row {
	return row{name: "pull, a token since " + name, operations: []string{pull}, want: always(want), play: func(t *testing.T, c *cell) outcome {
		w, u := c.newWork(t)
		var token regtoken.Token
		token, w.credential = c.site.create(t, regtoken.TokenSpec{Expiry: c.site.clock.now().Add(2 * time.Hour)}, everything)
		c.logIn(t, u, w)
		require.Equal(t, done, c.try(t, pull, u, w), "%s", c.output)

		event(t, c.site, token)
		defer c.site.clock.reset()
		w.pulled += "-again"
		return c.try(t, pull, u, w)
	}}
}
