package registryauth

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/regtoken/regtoken"
)

// TokenServerOptions configure a [TokenServer]. Issuer and Service are
// required; elsewhere the zero value is the default.
type TokenServerOptions struct {
	// Issuer names the token server: the "iss" of its JWTs, and the issuer
	// that a stock registry is configured with. 1 to 255 bytes of printable
	// ASCII without space, `"` and `\`. Required.
	Issuer string

	// Service names the registry: the "aud" of the JWTs, the service of the
	// Bearer challenge, and what clients must ask for if they name a service
	// at all. Each registry needs its own: a JWT for one is good at every
	// registry of the same Service that trusts the keys. Same form as Issuer.
	// Required.
	Service string

	// TTL is how long a JWT lives at most; it never outlives the token, or
	// the secret, that it was got with. It bounds how long a registry that
	// verifies JWTs by itself honours a token that was revoked. 1 second to
	// 24 hours; zero is 5 minutes. Some clients take anything below a minute
	// for a minute.
	TTL time.Duration

	// Keys sign the JWTs. Nil is new keys in memory: see [NewSigningKeys].
	Keys *SigningKeys

	// TrustedProxies, FailedLogins and FailedLoginInterval are as in
	// [GuardOptions].
	TrustedProxies      []netip.Prefix
	FailedLogins        int
	FailedLoginInterval time.Duration

	// Now is the clock of the JWTs and of FailedLoginInterval. Nil is
	// [time.Now].
	Now func() time.Time
}

// A TokenServer is the token endpoint of Docker's registry token
// authentication: an [http.Handler] that exchanges a token's name and secret
// for a JWT with what the token may do of what the client asks for.
type TokenServer struct {
	manager *regtoken.Manager
	options TokenServerOptions
}

var _ http.Handler = (*TokenServer)(nil)

// NewTokenServer returns a token server for the tokens of m. The options are
// copied. Errors: [regtoken.ErrInvalid], with all faults.
func NewTokenServer(m *regtoken.Manager, opts *TokenServerOptions) (*TokenServer, error) {
	var o TokenServerOptions
	if opts != nil {
		o = *opts
	}
	if o.Keys == nil {
		o.Keys = NewSigningKeys()
	}
	return &TokenServer{m, o}, nil
}

// ServeHTTP answers GET and POST as [TokenServer] says.
func (s *TokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unavailable.answer(w, r.Method)
}

// JWKS returns a handler that answers GET and HEAD, at any path, with the
// public keys as a JSON Web Key Set.
func (s *TokenServer) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(s.options.Keys.MarshalJWKS())
	})
}

// Keys returns the keys that sign the JWTs, to rotate them.
func (s *TokenServer) Keys() *SigningKeys { return s.options.Keys }
