package registryauth

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// algorithm is the one that JWTs are signed with, and the only one that is
// believed: Ed25519, which has no parameters to get wrong.
const algorithm = jose.EdDSA

// SigningKeys are the keys that a [TokenServer] signs its JWTs with and that
// others verify them by: Ed25519 keys ("EdDSA"), whose IDs are their
// thumbprints (RFC 7638). There are always a current key, which signs, and a
// next one, which will sign from the next rotation on; after a rotation there
// is the former one too. All of them verify, and all are in the JWKS. So a
// registry that reads its JWKS only when it starts, as stock distribution
// does, verifies without a gap if between any two rotations it is given the
// JWKS and started again.
//
// They remember the JWTs that they verified last and what these say, up to
// 40 MB, so that a client's many requests with one cost one verification. What
// they say is judged anew at each request, and forgotten with each rotation.
//
// Keys live in memory alone ([NewSigningKeys]) or in a file too
// ([OpenSigningKeys]). SigningKeys are safe for concurrent use, start no
// goroutine and never change by themselves.
type SigningKeys struct {
	path     string // "": in memory alone
	rotation sync.Mutex
	set      atomic.Pointer[keySet]
}

// NewSigningKeys returns new keys that are in memory alone: JWTs signed by
// them are worth nothing to another process, or after a restart.
func NewSigningKeys() *SigningKeys {
	k := &SigningKeys{}
	k.set.Store(newKeySet(newKey(), newKey(), nil))
	return k
}

// Rotate lets the next key sign, makes a new next key, keeps the current one
// as the former, and drops what was the former: JWTs that it signed are
// refused from then on, so rotations should lie further apart than a JWT's
// life. Three rotations in a row replace every key there was, which is what to
// do when the keys have leaked.
//
// Keys that are kept in a file are read from it first and written to it; only
// one process should rotate them, and the others should then call
// [SigningKeys.Reload]. They have the time until the next rotation for it.
// When Rotate returns an error, which are those of [OpenSigningKeys], these
// keys are as they were before.
func (k *SigningKeys) Rotate() error {
	k.rotation.Lock()
	defer k.rotation.Unlock()
	set := k.set.Load()
	if k.path != "" {
		var err error
		if set, err = readKeyFile(k.path); err != nil {
			return keyFileError(k.path, err)
		}
	}
	set = newKeySet(set.next, newKey(), set.current)
	if k.path != "" {
		if err := writeKeyFile(k.path, set, os.Rename); err != nil {
			return keyFileError(k.path, err)
		}
	}
	k.set.Store(set)
	return nil
}

// MarshalJWKS returns the public keys as a JSON Web Key Set (RFC 7517).
func (k *SigningKeys) MarshalJWKS() []byte { return slices.Clone(k.set.Load().jwks) }

// A signingKey is a private key and its ID.
type signingKey struct {
	id      string
	private ed25519.PrivateKey
	signer  jose.Signer
}

// A keySet is immutable, but for what it remembers.
type keySet struct {
	current, next *signingKey
	former        *signingKey // nil before the first rotation
	public        map[string]ed25519.PublicKey
	jwks          []byte
	verified      verifiedCache
}

func newKey() *signingKey {
	_, private, _ := ed25519.GenerateKey(nil) // the system's source of randomness does not fail
	return keyOf(private)
}

func keyOf(private ed25519.PrivateKey) *signingKey {
	public := jose.JSONWebKey{Key: private.Public()}
	thumbprint, _ := public.Thumbprint(crypto.SHA256) // these cannot fail for an Ed25519 key
	k := &signingKey{id: base64.RawURLEncoding.EncodeToString(thumbprint), private: private}
	k.signer, _ = jose.NewSigner(
		jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	return k
}

func newKeySet(current, next, former *signingKey) *keySet {
	s := &keySet{current: current, next: next, former: former, public: make(map[string]ed25519.PublicKey), verified: newVerifiedCache()}
	jwks := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range []*signingKey{current, next, former} {
		if key == nil {
			continue
		}
		public := key.private.Public().(ed25519.PublicKey)
		s.public[key.id] = public
		jwks.Keys = append(jwks.Keys, jose.JSONWebKey{Key: public, KeyID: key.id, Algorithm: string(algorithm), Use: "sig"})
	}
	s.jwks, _ = json.Marshal(jwks) // Ed25519 keys can be marshaled
	return s
}
