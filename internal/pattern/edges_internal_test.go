package pattern

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each length is looked up where the byte fits that some rule has there; and
// where all rules have the same, only there.
func TestEdgesAdmit(t *testing.T) {
	const alphabet, most = "-./09_az", 40
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		var e edges
		beside := map[int]map[byte]bool{}
		for range rng.IntN(2 * most) {
			length, b := 1+rng.IntN(most), alphabet[rng.IntN(1+rng.IntN(len(alphabet)))]
			e.add(uint8(length), b, 1)
			if beside[length] == nil {
				beside[length] = map[byte]bool{}
			}
			beside[length][b] = true
		}
		name := make([]byte, most)
		for i := range name {
			name[i] = alphabet[rng.IntN(len(alphabet))]
		}
		admitted := map[int]bool{}
		for i := range e {
			for lengths := e[i].admits(load(string(name), wordSize*i)); lengths != 0; lengths &= lengths - 1 {
				admitted[wordSize*i+shortest(lengths)] = true
			}
		}
		for length := 1; length <= most; length++ {
			b := name[length-1]
			switch bytes := beside[length]; {
			case bytes[b]:
				require.True(t, admitted[length], "%d", length)
			case len(bytes) < 2:
				require.False(t, admitted[length], "%d", length)
			}
		}
	}
}

// What a search hashes on its way through a name is what rules are filed by.
func TestHashesOnTheWay(t *testing.T) {
	const text = "registry/organisation/team-1/image"
	for n := range len(text) + 1 {
		var s subject
		s.read(text[:n])
		for length := 1; length <= n; length++ {
			var before, behind uint64
			at := 0
			for ; at+wordSize < length; at += wordSize {
				before, behind = mix(before, s.word(at)), mix(behind, s.wordFromEnd(at))
			}
			mask := upTo(0x80 << (8 * (length - at - 1)))
			require.Equal(t, s.prefix(uint8(length)), hashEnd(before, uint8(length), s.word(at)&mask), "%d of %d", length, n)
			require.Equal(t, s.suffix(uint8(length)), hashEnd(behind, uint8(length), s.wordFromEnd(at)&mask), "%d of %d", length, n)
			var prefix, suffix subject
			prefix.read(text[:length])
			suffix.read(text[n-length : n])
			require.Equal(t, prefix.prefix(uint8(length)), s.prefix(uint8(length)), "%d of %d", length, n)
			require.Equal(t, suffix.suffix(uint8(length)), s.suffix(uint8(length)), "%d of %d", length, n)
		}
	}
}
