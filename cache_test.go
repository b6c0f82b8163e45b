package regtoken_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// TestLiveCacheIsBounded logs in with more tokens than are kept.
func TestLiveCacheIsBounded(t *testing.T) {
	const size = 8
	inFleet(t, regtoken.Options{CacheSize: size}, func(t *testing.T, f *fleet) {
		_, often := f.create(t, "often")
		f.wantReads(t, 1, often)
		for i := range 5 * size {
			_, c := f.create(t, fmt.Sprintf("token-%d", i))
			f.wantReads(t, 0, often)
			f.wantReads(t, 1, c)
			require.LessOrEqual(t, f.Stats().CachedTokens, size)
		}
		require.Equal(t, size, f.Stats().CachedTokens)
		require.EqualValues(t, 1+5*size-size, f.Stats().Evictions)

		var scopes []regtoken.Scope // of some 27 KiB: as much as 7 tokens
		for i := range 1200 {
			scopes = append(scopes, scope(fmt.Sprintf("repository:%04d:pull", i)))
		}
		_, large, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: "large", Scopes: scopes})
		require.NoError(t, err)
		f.wantReads(t, 1, large)
		f.wantReads(t, 0, large)
		require.LessOrEqual(t, f.Stats().CachedTokens, 2)

		_, tooLarge, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: "too-large", Scopes: append(scopes, manyScopes(1000)...)})
		require.NoError(t, err)
		f.wantReads(t, 1, tooLarge)
		f.wantReads(t, 1, tooLarge)
		f.wantReads(t, 0, large) // which was not driven out by what does not fit
	})
}

func manyScopes(n int) (scopes []regtoken.Scope) {
	for i := range n {
		scopes = append(scopes, scope(fmt.Sprintf("repository:more/%04d:pull", i)))
	}
	return scopes
}
