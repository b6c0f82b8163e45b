package registryauth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// A guard remembers the JWTs that it has verified. These are about JWTs in
// use, which it has in memory; TestLiveStateCutsAJWT is, too.

// No text but a JWT's own is taken for it.
func TestTamperedJWTInUse(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot", "repository:app:pull"), "repository:app:pull")
	get := func(raw string) int { return w.bearer("GET", "/v2/app/manifests/x", raw).Code }
	require.Equal(t, http.StatusOK, get(raw))
	// The last letter of a part may have bits that say nothing.
	signature := strings.LastIndexByte(raw, '.') + 1
	for at := range raw {
		for _, change := range []byte{'A', '_', '.', raw[at] ^ 0x20} {
			other := raw[:at] + string([]byte{change}) + raw[at+1:]
			if other == raw {
				continue
			}
			want := http.StatusUnauthorized
			if at == len(raw)-1 && sameBytes(raw[signature:], other[signature:]) {
				want = http.StatusOK
			}
			require.Equal(t, want, get(other), "%q at %d", change, at)
		}
	}
	for _, other := range []string{raw + "A", raw[1:], raw[:len(raw)-1], raw + ".", " " + raw, raw + raw} {
		require.Equal(t, http.StatusUnauthorized, get(other))
	}
	require.Equal(t, http.StatusOK, get(raw))
}

func sameBytes(a, b string) bool {
	x, errX := base64.RawURLEncoding.DecodeString(a)
	y, errY := base64.RawURLEncoding.DecodeString(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func TestClockOfAJWTInUse(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{TTL: time.Minute}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot"))
	issued := w.now
	for _, step := range []struct {
		after  time.Duration
		status int
	}{
		{0, 200}, {time.Minute - 1, 200}, {time.Minute, 401}, {time.Hour, 401},
		{-time.Minute, 200}, {-time.Minute - 1, 401}, {time.Second, 200}, // a refusal is not remembered
	} {
		w.now = issued.Add(step.after)
		require.Equal(t, step.status, w.bearer("GET", "/v2/", raw).Code, step.after)
	}
}

// What a key has signed ends with it, also by a file that another process
// wrote.
func TestRotationEndsAJWTInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keys, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	other, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	w := newBearerWorld(t, registryauth.TokenServerOptions{Keys: keys}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot"))
	get := func() int { return w.bearer("GET", "/v2/", raw).Code }
	for _, step := range []struct {
		change func() error
		status int
	}{
		{keys.Rotate, 200}, {other.Rotate, 200}, {keys.Reload, 401}, {keys.Reload, 401},
	} {
		require.NoError(t, step.change())
		require.Equal(t, step.status, get())
		require.Equal(t, step.status, get())
	}
}

// Two services with the same keys share what is in memory, and not what it is
// good for.
func TestJWTInUseElsewhere(t *testing.T) {
	keys := registryauth.NewSigningKeys()
	w := newBearerWorld(t, registryauth.TokenServerOptions{Keys: keys}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot"))
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)
	for _, o := range []registryauth.TokenServerOptions{
		{Issuer: issuer, Service: "other.example.com", Keys: keys}, {Issuer: "other", Service: service, Keys: keys},
	} {
		o.Now = func() time.Time { return w.now }
		tokens, err := registryauth.NewTokenServer(w.manager, &o)
		require.NoError(t, err)
		guard, err := registryauth.NewGuard(http.HandlerFunc(w.registry), w.manager, &registryauth.GuardOptions{TokenServer: tokens})
		require.NoError(t, err)
		here := w.guard
		w.guard = guard
		require.Equal(t, http.StatusUnauthorized, w.bearer("GET", "/v2/", raw).Code)
		w.guard = here
	}
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)
}

// Requests with JWTs in use, beside rotations that end them.
func TestJWTsInUseAtOnce(t *testing.T) {
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	_, credential, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)
	tokens, err := registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{Issuer: issuer, Service: service})
	require.NoError(t, err)
	guard, err := registryauth.NewGuard(http.NotFoundHandler(), m, &registryauth.GuardOptions{TokenServer: tokens})
	require.NoError(t, err)
	login := credential.Login()
	w := &world{t: t, manager: m, tokens: tokens, guard: guard}
	raws := make([]string, 8)
	for i := range raws {
		raws[i] = w.jwt(login, fmt.Sprintf("repository:app%d:pull", i))
	}
	var group sync.WaitGroup
	statuses := make([]map[int]bool, len(raws))
	for i, raw := range raws {
		statuses[i] = make(map[int]bool)
		group.Go(func() {
			for range 200 {
				statuses[i][w.bearer("GET", "/v2/", raw).Code] = true
			}
		})
	}
	for range 2 {
		require.NoError(t, tokens.Keys().Rotate())
	}
	group.Wait()
	for i, raw := range raws {
		for status := range statuses[i] {
			require.Contains(t, []int{http.StatusNotFound, http.StatusUnauthorized}, status) // the registry's, or the guard's
		}
		require.Equal(t, http.StatusUnauthorized, w.bearer("GET", "/v2/", raw).Code)
	}
}
