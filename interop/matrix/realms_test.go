package matrix

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// privateRealm is a stock registry at a name, whose token server is at a
// private address.
var privateRealm = arrangement{start: func(t *testing.T, s *site) string {
	return startStockWithTokens(t, s, "127.0.0.1")
}}

// TestPrivateRealms holds which clients refuse to log in there. The others do
// so without complaint.
func TestPrivateRealms(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			operate := c.operations[login]
			if c.name == crane.name { // it asks nobody then
				operate = c.operations[catalogue]
			}
			if operate == nil {
				t.Skip("it has no login of its own")
			}
			s := startSite(t, privateRealm, c.plain)
			_, credential := s.create(t, regtoken.TokenSpec{}, everything)
			u := newUser(t, s, c.command(t))
			u.give(t, credential, s.host)
			err := operate(u, work{host: s.host, credential: credential})
			if c.refusesRealms == "" {
				require.NoError(t, err, "%s", &u.output)
				return
			}
			require.Error(t, err)
			require.Contains(t, u.output.String(), c.refusesRealms)
		})
	}
}
