package registryauth

import (
	"hash/maphash"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The bounds of what one set of keys remembers, and with them of its memory:
// 10 MB of JWTs for one repository, 40 MB of the longest. Past the first, the one
// not used for longest is forgotten; what is longer than the second, which
// names some twenty repositories, is verified at each use.
const (
	maxVerified    = 8 << 10
	maxVerifiedJWT = 2 << 10
)

// A verifiedCache remembers what the JWTs say that one set of keys has
// verified: a client makes many requests with one, and the signature is most
// of what a guard would spend on each. It can let nobody in who would not be
// without it:
//
//   - It holds what was verified, and nothing that was refused, with the whole
//     text. A text that differs in any byte is another JWT, to be verified by
//     itself.
//   - A text is looked for by a hash that nobody can foretell, its seed being
//     random and of this cache alone, and compared with none but the one of the
//     same hash. So the time that a look takes tells nothing of what is held.
//     And who could read the texts in memory finds the keys beside them.
//   - It is one keySet's, and that is immutable. After a rotation or a reload
//     all JWTs are looked for in another, empty one: a key that is gone takes
//     along all that it verified.
//   - It says that a JWT is ours, never that it is good. Issuer, audience and
//     times are checked at each use ([TokenServer.verify]), and what the login
//     behind it is worth, the Manager is asked for each request.
type verifiedCache struct {
	seed maphash.Seed
	held *lru.Cache[uint64, verifiedJWT]
}

type verifiedJWT struct {
	text   string
	claims *claims
}

func newVerifiedCache() verifiedCache {
	held, _ := lru.New[uint64, verifiedJWT](maxVerified) // it fails for sizes below one
	return verifiedCache{maphash.MakeSeed(), held}
}

// claimsOf returns what a JWT says, from memory or by verify. What it returns
// is shared, and not to be changed.
func (v verifiedCache) claimsOf(raw string, verify func(raw string) (*claims, error)) (*claims, error) {
	if len(raw) > maxVerifiedJWT {
		return verify(raw)
	}
	hash := maphash.String(v.seed, raw)
	if held, ok := v.held.Get(hash); ok && held.text == raw {
		return held.claims, nil
	}
	c, err := verify(raw)
	if err == nil {
		v.held.Add(hash, verifiedJWT{strings.Clone(raw), c}) // of its own: raw is a piece of a header
	}
	return c, err
}
