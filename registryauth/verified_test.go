package registryauth

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerifiedCache(t *testing.T) {
	cache := newVerifiedCache()
	verified := 0
	ask := func(raw string, answer *claims, refusal error) (*claims, error) {
		return cache.claimsOf(raw, func(asked string) (*claims, error) {
			require.Equal(t, raw, asked)
			verified++
			return answer, refusal
		})
	}
	expect := func(raw string, want *claims) {
		t.Helper()
		before := verified
		got, err := ask(raw, nil, errors.New("not from memory"))
		require.NoError(t, err)
		require.Same(t, want, got)
		require.Equal(t, before, verified)
	}

	// A refusal is not held, and what is good later is.
	for range 2 {
		_, err := ask("a", nil, errInvalidBearer)
		require.ErrorIs(t, err, errInvalidBearer)
	}
	require.Equal(t, 2, verified)
	require.Zero(t, cache.held.Len())
	a, b := &claims{}, &claims{}
	got, err := ask("a", a, nil)
	require.NoError(t, err)
	require.Same(t, a, got)
	expect("a", a)

	// Another text is another JWT, whatever they share.
	for _, raw := range []string{"", "b", "A", "a ", "aa", "a\x00", strings.Repeat("a", maxVerifiedJWT)} {
		got, err = ask(raw, b, nil)
		require.NoError(t, err)
		require.Same(t, b, got, "%q", raw)
		expect(raw, b)
	}
	expect("a", a)

	// So is one of the same hash.
	cache.held.Add(maphash.String(cache.seed, "c"), verifiedJWT{"d", a})
	got, err = ask("c", b, nil)
	require.NoError(t, err)
	require.Same(t, b, got)
	expect("c", b)

	// A long one is verified at each use.
	held := cache.held.Len()
	for range 2 {
		before := verified
		_, err = ask(strings.Repeat("a", maxVerifiedJWT+1), a, nil)
		require.NoError(t, err)
		require.Equal(t, before+1, verified)
	}
	require.Equal(t, held, cache.held.Len())

	// There is a bound, and what is in use is kept.
	for i := range maxVerified + 100 {
		_, err = ask(fmt.Sprint("JWT ", i), b, nil)
		require.NoError(t, err)
		expect("a", a)
	}
	require.Equal(t, maxVerified, cache.held.Len())
	_, err = ask("JWT 0", nil, errInvalidBearer)
	require.ErrorIs(t, err, errInvalidBearer, "the one that was not used for longest is forgotten")
}
