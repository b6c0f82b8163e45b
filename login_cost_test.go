package regtoken_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

var cost = flag.Bool("cost", false, "compare what logins and decisions cost within this run, and fail where one has become clearly dearer")

// cheapest returns the least time that each of some things took, of many tries
// in turn: what else the machine does can only add to it.
func cheapest(tries, times int, things ...func()) []time.Duration {
	least := make([]time.Duration, len(things))
	for try := range tries {
		for i, thing := range things {
			start := time.Now()
			for range times {
				thing()
			}
			if took := time.Since(start); try == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least
}

// TestLoginCost holds the path of every request to what it is, in ratios of
// things measured in turn. It runs only with -cost, on a machine that does
// little else, and without the race detector:
//
//	go test -run LoginCost -cost .
//
// The limits leave a good half above what was measured: 2.2 S for a login
// and a request, 0.4 S for a decision with one scope and 0.7 S with 10,000.
func TestLoginCost(t *testing.T) {
	if !*cost {
		t.Skip("only with -cost")
	}
	const tries, times = 400, 500
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	grant := func(scopes int) (regtoken.Login, *regtoken.Grant) {
		spec := regtoken.TokenSpec{Name: fmt.Sprintf("scopes-%d", scopes)}
		for i := range scopes {
			spec.Scopes = append(spec.Scopes, scope(fmt.Sprintf("repository:team-%d/*:pull", i)))
		}
		_, c, err := m.CreateToken(t.Context(), spec)
		require.NoError(t, err)
		g, err := m.Authenticate(t.Context(), c.Login())
		require.NoError(t, err)
		return c.Login(), g
	}
	ctx := context.Background()
	login, one := grant(1)
	_, many := grant(10_000)
	secret := []byte(login.Password.Reveal())
	var sum [sha256.Size]byte
	allow := func(g *regtoken.Grant, path string) func() {
		return func() {
			if g.Authorize(path, regtoken.Pull) != nil {
				t.Fatal("denied")
			}
		}
	}
	took := cheapest(tries, times,
		func() { sum = sha256.Sum256(secret) },
		func() {
			g, err := m.Authenticate(ctx, login)
			if err != nil || g.Authorize("team-0/app", regtoken.Pull) != nil {
				t.Fatal("refused")
			}
		},
		allow(one, "team-0/app"), allow(many, "team-9999/app"))
	require.NotZero(t, sum)
	s := took[0]
	t.Logf("S %v; login and request %.2f S; decision with 1 scope %.2f S, with 10,000 %.2f S",
		s/times, ratio(took[1], s), ratio(took[2], s), ratio(took[3], s))
	require.Less(t, ratio(took[1], s), 4.5, "S for a login and a request")
	require.Less(t, ratio(took[2], s), 0.9, "S for a decision")
	require.Less(t, ratio(took[3], took[2]), 3.5, "times the decision with one scope")
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// TestLoginAllocatesNothing: a login that memory admits, and what it asks for.
func TestLoginAllocatesNothing(t *testing.T) {
	f := newForge(t, false, 1, scope("repository:team/*:pull,push"))
	for _, local := range []bool{true, false} {
		f.local = local
		m, err := regtoken.NewManager(f, nil)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = m.Run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
		for !m.Stats().Fresh {
			runtime.Gosched()
		}
		login := f.login(7)
		var tokens []regtoken.Token
		for range 2 { // the second is the first that memory admits: it computes the checksum
			g, err := m.Authenticate(ctx, login)
			require.NoError(t, err)
			tokens = append(tokens, g.Token())
		}
		token, secret := tokens[0].ID, tokens[0].Secrets[0].ID
		before := m.Stats()
		const runs = 100
		for name, call := range map[string]func() error{
			"Authenticate, Grant.Authorize": func() error {
				g, err := m.Authenticate(ctx, login)
				if err != nil {
					return err
				}
				return g.Authorize("team/app", regtoken.Pull|regtoken.Push)
			},
			"Authorize": func() error { return m.Authorize(ctx, login, "team/app", regtoken.Pull) },
			"GrantFor, Grant.Authorize": func() error {
				g, err := m.GrantFor(ctx, token, secret)
				if err != nil {
					return err
				}
				return g.Authorize("team/app", regtoken.Pull)
			},
		} {
			var failed error
			require.Zero(t, testing.AllocsPerRun(runs, func() {
				if err := call(); err != nil {
					failed = err
				}
			}), name)
			require.NoError(t, failed, name)
		}
		require.Equal(t, before.Hits+3*(runs+1), m.Stats().Hits)
		require.Equal(t, before.Misses, m.Stats().Misses)
	}
}
