package registryauth

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/regtoken/regtoken"
)

const (
	defaultTTL = 5 * time.Minute
	minTTL     = time.Second // a JWT's times are whole seconds
	maxTTL     = 24 * time.Hour
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

	// TTL is how long a JWT lives at most, in whole seconds; it never
	// outlives the token, or the secret, that it was got with. It bounds how
	// long a registry that verifies JWTs by itself honours a token that was
	// revoked. 1 second to 24 hours; zero is 5 minutes. Many clients take
	// anything below a minute for a minute.
	TTL time.Duration

	// Keys sign the JWTs. Nil is new keys in memory: see [NewSigningKeys].
	Keys *SigningKeys

	// TrustedProxies, FailedLogins and FailedLoginInterval are as in
	// [GuardOptions]. A guard with this token server goes by them too: an
	// address has one allowance of failed logins for both.
	TrustedProxies      []netip.Prefix
	FailedLogins        int
	FailedLoginInterval time.Duration

	// Now is the clock of the JWTs and of FailedLoginInterval. Nil is
	// [time.Now].
	Now func() time.Time
}

// A TokenServer is the token endpoint of Docker's registry token
// authentication: an [http.Handler] that exchanges a token's name and secret
// for a JWT, which says what the token may do of what the client asks for. It
// serves a [Guard] or, by its JWKS, stock registries. It is safe for
// concurrent use, and starts no goroutine.
//
// It answers, at whatever path it is served,
//
//	GET   ?service=&scope=&account=    with HTTP Basic authentication
//	POST  a form with grant_type=password, username, password, service, scope
//
// and ignores what else clients send. It asks the Manager at every exchange.
// A request without scope is a login, which a token without scopes can do as
// well. A service, if one is named, must be ours, and an account the one that
// logs in: a client that asks for something else is told so (400) and gets
// nothing.
//
// Scopes come repeated, with spaces between them, or both, at most 100. For
// "repository:NAME:ACTIONS" the JWT gets those of the actions pull, push and
// delete that the token has (delete is [regtoken.Admin]); "*" asks for all
// three. For "registry:catalog:*" it gets that if the token has the registry
// scope of all repositories; with a registry scope of fewer, a guard takes the
// JWT for the listing and a stock registry, which could only show all of it,
// does not. All else gives nothing. What the token lacks is left out: the
// answer is 200 also if nothing remains.
//
// What is granted of a scope, and what is not, is a decision each that the
// Manager's observers are told of, as if the request had come that needs it.
//
// The JWT is signed with Ed25519 ("EdDSA"), and stands for the token and the
// secret by their IDs: in a guard's eyes it is worth what these are at the
// moment. No refresh token is ever given, as clients would drop the password
// for it.
//
// Its refusals: 401 for a login that is missing or wrong, 429 for an address
// with too many failed logins, 503 when the store cannot be asked, 400, 405,
// 413, 414 and 415 for requests of another form. To GET they have the form of
// the OCI distribution specification, to POST that of OAuth 2.0 (RFC 6749).
type TokenServer struct {
	manager *regtoken.Manager
	options TokenServerOptions
	logins  *logins
}

var _ http.Handler = (*TokenServer)(nil)

// NewTokenServer returns a token server for the tokens of m. The options are
// copied. Errors: [regtoken.ErrInvalid], with all faults.
func NewTokenServer(m *regtoken.Manager, opts *TokenServerOptions) (*TokenServer, error) {
	var o TokenServerOptions
	if opts != nil {
		o = *opts
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	policy := loginPolicy{o.TrustedProxies, o.FailedLogins, o.FailedLoginInterval}
	if err := validateTokenServer(m, o, policy); err != nil {
		return nil, err
	}
	if o.Keys == nil {
		o.Keys = NewSigningKeys()
	}
	logins, err := newLogins(policy, o.Now)
	if err != nil {
		return nil, err
	}
	return &TokenServer{m, o, logins}, nil
}

func validateTokenServer(m *regtoken.Manager, o TokenServerOptions, policy loginPolicy) error {
	var faults []regtoken.FieldError
	fault := func(field, rule string) {
		faults = append(faults, regtoken.FieldError{Field: field, Rule: rule})
	}
	const plain = `must be 1 to 255 bytes of printable ASCII without space, " and \`
	if m == nil {
		fault("manager", "must not be nil")
	}
	if !isPlainName(o.Issuer) {
		fault("TokenServerOptions.Issuer", plain)
	}
	if !isPlainName(o.Service) {
		fault("TokenServerOptions.Service", plain)
	}
	if o.TTL < minTTL || o.TTL > maxTTL || o.TTL%time.Second != 0 {
		fault("TokenServerOptions.TTL", "must be 1 second to 24 hours, in whole seconds")
	}
	return regtoken.NewValidationError(append(faults, policy.faults("TokenServerOptions")...)...)
}

// isPlainName reports whether text reads the same in a header's quoted string,
// in JSON and in a configuration file.
func isPlainName(text string) bool {
	return text != "" && len(text) <= 255 &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

// Keys returns the keys that sign the JWTs, for who rotates them.
func (s *TokenServer) Keys() *SigningKeys { return s.options.Keys }

// ServeHTTP answers GET and POST as [TokenServer] says.
func (s *TokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, address := s.logins.arrive(r)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	var e exchange
	var refused *refusal
	switch r.Method {
	case http.MethodGet:
		e, refused = s.readQuery(r)
	case http.MethodPost:
		e, refused = s.readForm(w, r)
	default:
		refused = wrongTokenMethod
	}
	if refused != nil {
		refused.answerExchange(w, r.Method)
		return
	}
	grant, err := s.logins.authenticate(ctx, s.manager, address, e.login)
	var answer tokenAnswer
	if err == nil {
		answer, err = s.issue(&grant, e.wish)
	}
	if err != nil {
		s.refusalOf(err).answerExchange(w, r.Method)
		return
	}
	if r.Method == http.MethodGet {
		answer.TokenType, answer.Scope = "", nil
	}
	answerJSON(w, r.Method, http.StatusOK, answer)
}

// refusalOf maps what the Manager answers to the wire.
func (s *TokenServer) refusalOf(err error) *refusal {
	if errors.Is(err, regtoken.ErrUnauthenticated) {
		return s.unauthorized()
	}
	return refusalOf(err)
}

func (s *TokenServer) unauthorized() *refusal {
	return unauthorized(`Basic realm="` + s.options.Service + `"`)
}

// A tokenAnswer is what an exchange gives. Docker's specification has the JWT
// under two names, of which clients read either.
type tokenAnswer struct {
	Token       string    `json:"token"`
	AccessToken string    `json:"access_token"`
	ExpiresIn   int64     `json:"expires_in"` // seconds
	IssuedAt    time.Time `json:"issued_at"`

	// What OAuth 2.0 has besides, for POST.
	TokenType string  `json:"token_type,omitempty"`
	Scope     *string `json:"scope,omitempty"`
}

// issue gives out a JWT for what is granted of a wish.
func (s *TokenServer) issue(grant *regtoken.Grant, w wish) (tokenAnswer, error) {
	token, secret := grant.Token(), grant.Secret()
	access, list, err := decide(grant, w, token.Scopes)
	if err != nil {
		return tokenAnswer{}, err
	}
	now := s.options.Now()
	end := now.Add(s.options.TTL)
	for _, other := range []time.Time{token.ExpiresAt, secret.ExpiresAt} {
		if !other.IsZero() && other.Before(end) {
			end = other
		}
	}
	if !end.After(now) {
		return tokenAnswer{}, regtoken.ErrUnauthenticated // it ended meanwhile
	}
	issued := time.Unix(now.Unix(), 0).UTC()
	c := claims{
		Claims: jwt.Claims{
			Issuer:    s.options.Issuer,
			Subject:   token.Name,
			Audience:  jwt.Audience{s.options.Service},
			Expiry:    jwt.NewNumericDate(end),
			NotBefore: jwt.NewNumericDate(issued),
			IssuedAt:  jwt.NewNumericDate(issued),
			ID:        newJWTID(),
		},
		Access:   access,
		Regtoken: proof{TokenID: token.ID, SecretID: secret.ID, List: list},
	}
	signed, err := s.options.Keys.sign(c)
	if err != nil {
		return tokenAnswer{}, err
	}
	scope := scopeText(access)
	return tokenAnswer{
		Token: signed, AccessToken: signed, ExpiresIn: end.Unix() - issued.Unix(), IssuedAt: issued,
		TokenType: "Bearer", Scope: &scope,
	}, nil
}

// decide returns what is granted of a wish, and whether it includes listing.
// The grant is asked for what it allows and then for what it does not, so that
// observers are told of both.
func decide(grant *regtoken.Grant, w wish, scopes []regtoken.Scope) (granted []resourceActions, list bool, err error) {
	granted = []resourceActions{} // in JSON a list, also when empty
	for _, a := range w.repositories {
		var has regtoken.Action
		for _, each := range wireActions {
			if a.actions.Has(each.action) && grant.Explain(a.repository, each.action).Allowed {
				has |= each.action
			}
		}
		if has != 0 {
			if err := grant.Authorize(a.repository, has); err != nil {
				return nil, false, err // it ended meanwhile
			}
			granted = append(granted, resourceActions{repositoryType, a.repository, namesOf(has)})
		}
		if lacks := a.actions &^ has; lacks != 0 {
			if err := grant.Authorize(a.repository, lacks); !errors.Is(err, regtoken.ErrDenied) {
				return nil, false, regtoken.ErrUnauthenticated // likewise
			}
		}
	}
	if w.catalog {
		switch err := grant.AuthorizeList(); {
		case errors.Is(err, regtoken.ErrDenied):
		case err != nil:
			return nil, false, err
		default:
			list = true
			if slices.Contains(scopes, regtoken.RegistryScope(allOfThem)) {
				granted = append(granted, resourceActions{registryType, catalogName, []string{allOfThem}})
			}
		}
	}
	return granted, list, nil
}

// scopeText returns what was granted as scopes.
func scopeText(granted []resourceActions) string {
	scopes := make([]string, len(granted))
	for i, g := range granted {
		scopes[i] = g.Type + ":" + g.Name + ":" + strings.Join(g.Actions, ",")
	}
	return strings.Join(scopes, " ")
}

// JWKS returns a handler that answers GET and HEAD, at any path, with the
// public keys as a JSON Web Key Set. They may be cached: a key is in it for a
// whole rotation before it signs.
func (s *TokenServer) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			wrongJWKSMethod.answer(w, r.Method)
			return
		}
		w.Header().Set("Cache-Control", "max-age=60")
		answerText(w, r.Method, http.StatusOK, "application/jwk-set+json", s.options.Keys.MarshalJWKS())
	})
}
