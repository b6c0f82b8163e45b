package regtoken_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

// A decisionShape is a family of tokens: of each scope the path, a repository
// that it matches, and one near it that none does.
type decisionShape struct{ label, path, hit, miss string }

var decisionShapes = []decisionShape{
	{"exact", "team/app-%d", "team/app-%d", "team/app-%dx"},
	{"prefix", "team-%d/*", "team-%d/app/web", "team-%dx/app/web"},
	{"pieces", "team/*/prod-%d-*", "team/app/prod-%d-web", "team/app/prod-x%d-web"},
	{"suffix", "*-%d-ro", "team/app-%d-ro", "team/app-%dx-ro"},
	{"middle", "*mid-%d*", "team/mid-%d/web", "team/mid-x%d/web"},
	{"shared-prefix", "team/*/x-%d", "team/app/x-%d", "team/app/x-%dx"},
}

var scopeCounts = []int{1, 10, 100, 1_000, 10_000}

// BenchmarkDecisionCost is Grant.Authorize by the number of the token's scopes,
// in S, one SHA-256 of a secret, and holds it to being flat, by ratios of things
// measured in turn:
//
//	go test -run '^$' -bench DecisionCost -benchtime 1x .
//
// A refusal makes an error, and asks whether another action would have been
// allowed.
func BenchmarkDecisionCost(b *testing.B) {
	const tries, times = 100, 512
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(b, err)
	secret := []byte(forgedSecret(1))
	var sum [sha256.Size]byte
	for _, shape := range decisionShapes {
		b.Run(shape.label, func(b *testing.B) {
			things := []func(){func() { sum = sha256.Sum256(secret) }}
			for _, n := range scopeCounts {
				g := shape.grant(b, m, n)
				things = append(things, asks(b, g, shape.hit, n, true), asks(b, g, shape.miss, n, false))
			}
			took := cheapest(tries, times, things...)
			require.NotZero(b, sum)
			s, took := took[0], took[1:]
			for i, n := range scopeCounts {
				b.ReportMetric(ratio(took[2*i], s), fmt.Sprintf("S/allowed-%d", n))
				b.ReportMetric(ratio(took[2*i+1], s), fmt.Sprintf("S/denied-%d", n))
			}
			b.ReportMetric(0, "ns/op")
			last := len(took) - 2
			require.Less(b, ratio(took[last], took[0]), 3.0, "times what it costs with one scope, if allowed")
			require.Less(b, ratio(took[last+1], took[1]), 3.0, "times what it costs with one scope, if denied")
		})
	}
}

// grant returns the grant of a token with n scopes.
func (s decisionShape) grant(b *testing.B, m *regtoken.Manager, n int) *regtoken.Grant {
	spec := regtoken.TokenSpec{Name: fmt.Sprintf("%s-%d", s.label, n)}
	for i := range n {
		spec.Scopes = append(spec.Scopes, regtoken.RepositoryScope(fmt.Sprintf(s.path, i), regtoken.Pull))
	}
	_, c, err := m.CreateToken(b.Context(), spec)
	require.NoError(b, err)
	g, err := m.Authenticate(b.Context(), c.Login())
	require.NoError(b, err)
	return g
}

// asks returns what asks for one of a few repositories, spread over n, at a time.
func asks(b *testing.B, g *regtoken.Grant, format string, n int, allowed bool) func() {
	const few = 32
	var paths []string
	for i := range few {
		paths = append(paths, fmt.Sprintf(format, i*n/few))
	}
	next := 0
	return func() {
		err := g.Authorize(paths[next%few], regtoken.Pull)
		next++
		if (err == nil) != allowed {
			b.Fatal(err)
		}
	}
}
