package regtoken_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func benchManager(b *testing.B) *regtoken.Manager {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(b, err)
	return m
}

func benchScopes(n int) []regtoken.Scope {
	scopes := make([]regtoken.Scope, n)
	for i := range scopes {
		scopes[i] = regtoken.RepositoryScope(fmt.Sprintf("team-%d/*", i), regtoken.Pull|regtoken.Push)
	}
	return scopes
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, scopes := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("scopes=%d", scopes), func(b *testing.B) {
			m := benchManager(b)
			_, c, err := m.CreateToken(b.Context(), regtoken.TokenSpec{Name: "bench", Scopes: benchScopes(scopes)})
			require.NoError(b, err)
			login := c.Login()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Authenticate(b.Context(), login); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("malformed", func(b *testing.B) {
		m := benchManager(b)
		login := regtoken.Login{Name: "bench", Password: regtoken.NewPassword("hunter2")}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Authenticate(b.Context(), login); err == nil {
				b.Fatal("let in")
			}
		}
	})
}

// BenchmarkAuthorize asks for what the last of the scopes allows, and for what
// none does.
func BenchmarkAuthorize(b *testing.B) {
	for _, scopes := range []int{1, 10, 100, 1000} {
		m := benchManager(b)
		_, c, err := m.CreateToken(b.Context(), regtoken.TokenSpec{Name: "bench", Scopes: benchScopes(scopes)})
		require.NoError(b, err)
		g, err := m.Authenticate(b.Context(), c.Login())
		require.NoError(b, err)
		for label, path := range map[string]string{"hit": fmt.Sprintf("team-%d/app", scopes-1), "miss": "nobody/app"} {
			b.Run(fmt.Sprintf("scopes=%d/%s", scopes, label), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := g.Authorize(path, regtoken.Pull); (err == nil) != (label == "hit") {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	m := benchManager(b)
	scopes := benchScopes(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := m.CreateToken(b.Context(), regtoken.TokenSpec{Name: fmt.Sprintf("bench-%d", i), Scopes: scopes}); err != nil {
			b.Fatal(err)
		}
	}
}
