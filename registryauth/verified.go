package registryauth

import (
	"crypto/sha256"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The bounds of what one set of keys remembers, and with them of its memory:
// 5 MB of JWTs for one repository, 20 MB of the longest. Past the first, the one
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
//   - It holds what was verified, and nothing that was refused, under the
//     SHA-256 of the whole text. A text that differs in any byte is another
//     JWT, to be verified by itself; the time that a look takes tells of a
//     digest, which says nothing about a text.
//   - It is one keySet's, and that is immutable. After a rotation or a reload
//     all JWTs are looked for in another, empty one: a key that is gone takes
//     along all that it verified.
//   - It says that a JWT is ours, never that it is good. Issuer, audience and
//     times are checked at each use ([TokenServer.verify]), and what the login
//     behind it is worth, the Manager is asked for each request.
type verifiedCache struct {
	claims *lru.Cache[[sha256.Size]byte, *claims]
}

func newVerifiedCache() verifiedCache {
	c, _ := lru.New[[sha256.Size]byte, *claims](maxVerified) // it fails for sizes below one
	return verifiedCache{c}
}

// claimsOf returns what a JWT says, from memory or by verify. What it returns
// is shared, and not to be changed.
func (v verifiedCache) claimsOf(raw string, verify func(raw string) (*claims, error)) (*claims, error) {
	if len(raw) > maxVerifiedJWT {
		return verify(raw)
	}
	key := digestOf(raw)
	if c, ok := v.claims.Get(key); ok {
		return c, nil
	}
	c, err := verify(raw)
	if err == nil {
		v.claims.Add(key, c)
	}
	return c, err
}

// digested holds texts while they are digested: the hash takes bytes that are
// in the heap.
var digested = sync.Pool{New: func() any { return new([maxVerifiedJWT]byte) }}

func digestOf(raw string) [sha256.Size]byte {
	text := digested.Get().(*[maxVerifiedJWT]byte)
	defer digested.Put(text)
	return sha256.Sum256(text[:copy(text[:], raw)])
}
