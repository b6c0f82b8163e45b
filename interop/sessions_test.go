package interop

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// TestTokensThatEndMidSession changes a token under a client that has logged
// in and pulled with it.
func TestTokensThatEndMidSession(t *testing.T) {
	t.Parallel()
	type change func(*testing.T, *site, regtoken.Token)
	edit := func(e regtoken.Edit) change {
		return func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.EditToken(t.Context(), token.ID, e)
			require.NoError(t, err)
		}
	}
	rotate := func(overlap time.Duration) change {
		return func(t *testing.T, s *site, token regtoken.Token) {
			_, err := s.manager.RotateSecret(t.Context(), token.ID, overlap)
			require.NoError(t, err)
		}
	}
	advance := func(by time.Duration) change {
		return func(_ *testing.T, s *site, _ regtoken.Token) { s.clock.advance(by) }
	}
	type step struct {
		change change
		status int // that the client then sees; 0 for a pull that succeeds
	}
	tests := []struct {
		name  string
		lives time.Duration // zero for ever
		steps []step
	}{
		{"disabled and enabled", 0, []step{
			{edit(regtoken.Edit{Status: regtoken.Disabled}), 401},
			{edit(regtoken.Edit{Status: regtoken.Enabled}), 0},
		}},
		{"expired", 2 * time.Hour, []step{
			{advance(time.Hour), 0},
			{advance(time.Hour), 401},
		}},
		{"deleted", 0, []step{
			{func(t *testing.T, s *site, token regtoken.Token) {
				require.NoError(t, s.manager.DeleteToken(t.Context(), token.ID))
			}, 401},
		}},
		{"narrowed", 0, []step{
			{func(t *testing.T, s *site, token regtoken.Token) {
				_, err := s.manager.RemoveAllScopes(t.Context(), token.ID)
				require.NoError(t, err)
			}, 403},
			{func(t *testing.T, s *site, token regtoken.Token) {
				_, err := s.manager.AddScopes(t.Context(), token.ID, regtoken.RepositoryScope("team/*", regtoken.Pull))
				require.NoError(t, err)
			}, 0},
		}},
		{"rotated", 0, []step{{rotate(0), 401}}},
		{"rotated with an overlap", 0, []step{
			{rotate(time.Minute), 0},
			{advance(2 * time.Minute), 401},
		}},
		{"rotated with an overlap that is cut short", 0, []step{
			{rotate(time.Minute), 0},
			{func(t *testing.T, s *site, token regtoken.Token) {
				_, err := s.manager.RetireOldSecret(t.Context(), token.ID)
				require.NoError(t, err)
			}, 401},
		}},
		{"rotated twice within an overlap", 0, []step{
			{rotate(time.Hour), 0},
			{rotate(time.Hour), 401},
		}},
		{"the store down and up", 0, []step{
			{func(_ *testing.T, s *site, _ regtoken.Token) { s.store.down.Store(true) }, 503},
			{func(_ *testing.T, s *site, _ regtoken.Token) { s.store.down.Store(false) }, 0},
		}},
	}
	codes := map[int]string{401: "UNAUTHORIZED", 403: "DENIED", 503: "UNAVAILABLE"}
	for _, c := range clients {
		for _, test := range tests {
			t.Run(c.name+"/"+test.name, func(t *testing.T) {
				eachRegistry(t, func(t *testing.T, s *site) {
					a := s.publish(t, "team/app", "v1")
					var spec regtoken.TokenSpec
					if test.lives != 0 {
						spec.Expiry = s.clock.now().Add(test.lives)
					}
					token, credential := s.create(t, s.manager, spec, rights{"repository:team/*:pull"})
					pull := c.session(t, s, credential, a)
					require.NoError(t, pull())
					for _, step := range test.steps {
						step.change(t, s, token)
						if step.status == 0 {
							require.NoError(t, pull())
							continue
						}
						c.requireRefusal(t, pull(), step.status, codes[step.status])
					}
				})
			})
		}
	}
}

// TestNewSecretWorksAtOnce holds the other side of a rotation.
func TestNewSecretWorksAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			eachRegistry(t, func(t *testing.T, s *site) {
				a := s.publish(t, "team/app", "v1")
				token, old := s.create(t, s.manager, regtoken.TokenSpec{}, everything)
				rotated, err := s.manager.RotateSecret(t.Context(), token.ID, time.Hour)
				require.NoError(t, err)
				require.NoError(t, c.session(t, s, old, a)())
				require.NoError(t, c.session(t, s, rotated, a)())
				s.clock.advance(time.Hour)
				c.requireRefusal(t, c.session(t, s, old, a)(), 401, "UNAUTHORIZED")
				require.NoError(t, c.session(t, s, rotated, a)())
			})
		})
	}
}

// TestLoginsThatAreRefused presents what never was a login of this registry.
func TestLoginsThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		login func(*testing.T, *site) regtoken.Credential
	}{
		{"wrong password", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			c.Password = s.token(t, everything).Password
			return c
		}},
		{"junk as a password", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			c.Password = regtoken.NewPassword("letmein")
			return c
		}},
		{"unknown name", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			c.Name = "nobody"
			return c
		}},
		{"another registry's token", func(t *testing.T, s *site) regtoken.Credential {
			_, c := s.create(t, s.manager.Registry("other"), regtoken.TokenSpec{}, everything)
			return c
		}},
	}
	eachRegistry(t, func(t *testing.T, s *site) {
		a := s.publish(t, "team/app", "v1")
		for _, c := range clients {
			for _, test := range tests {
				t.Run(c.name+"/"+test.name, func(t *testing.T) {
					c.requireRefusal(t, c.session(t, s, test.login(t, s), a)(), 401, "UNAUTHORIZED")
				})
			}
		}
	})
}

// TestRightsEndMidPush takes the right to push from a token that is uploading.
func TestRightsEndMidPush(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		token, credential := s.create(t, s.manager, regtoken.TokenSpec{}, rights{"repository:team/app:pull,push", "repository:team/*:pull"})
		begun := s.send(t, credential, request{method: http.MethodPost, target: "/v2/team/app/blobs/uploads/"})
		require.Equal(t, http.StatusAccepted, begun.status)
		piece := request{method: http.MethodPatch, target: begun.header.Get("Location"), kind: "application/octet-stream", body: aBlob}

		push := regtoken.RepositoryScope("team/app", regtoken.Pull|regtoken.Push)
		_, err := s.manager.RemoveScope(t.Context(), token.ID, push)
		require.NoError(t, err)
		s.denied(t, credential, piece)

		_, err = s.manager.AddScopes(t.Context(), token.ID, push)
		require.NoError(t, err)
		assert.Equal(t, http.StatusAccepted, s.send(t, credential, piece).status)
	})
}
