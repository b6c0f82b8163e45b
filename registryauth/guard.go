package registryauth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regtoken/regtoken"
)

const defaultRealm = "regtoken"

// GuardOptions configure a [Guard]. The zero value holds the defaults.
type GuardOptions struct {
	// Realm is the realm of the HTTP Basic challenge (RFC 7617), which
	// clients may show to people: printable ASCII without `"` and `\`. "" is
	// "regtoken".
	Realm string

	// TokenServer makes the guard take the JWTs of this token server as Bearer
	// tokens, besides HTTP Basic, and tell clients to get one; and serve the
	// token server on the registry's own origin, at [TokenPath] and
	// [JWKSPath]. It should be one for the same Manager. Nil is Basic alone.
	TokenServer *TokenServer

	// TokenURL is the public URL of the token endpoint, which clients are
	// told: "https://registry.example.com/token". "" is TokenPath on the
	// origin that the client asked, which every client accepts: the request's
	// Host, with https if the connection is TLS or if a trusted proxy says
	// "https" in X-Forwarded-Proto, else http. Set it if a proxy in front ends
	// TLS and is not trusted, or changes Host. It must be "" without a
	// TokenServer.
	TokenURL string

	// TrustedProxies are the addresses of proxies in front of the guard whose
	// X-Forwarded-For header is believed. It tells the address that failed
	// logins are counted by and that audit events name as the actor. A proxy
	// that is not listed is taken for the client itself. None by default. An
	// IPv4 prefix is written as such, not mapped into IPv6.
	//
	// With a TokenServer, this and the next two are left zero: its options
	// hold for both.
	TrustedProxies []netip.Prefix

	// FailedLogins is how many logins one address may fail with at once
	// before it has to wait; an IPv6 /64 is one address, and all peers
	// without an IP address are one. Zero is 20; it must not be negative.
	FailedLogins int

	// FailedLoginInterval is the time after which an address may fail once
	// more, up to FailedLogins again. Zero is 3 seconds; it must not be
	// negative.
	FailedLoginInterval time.Duration

	// Now is the clock that FailedLoginInterval is measured by, and that JWTs
	// begin and end by. Nil is that of the TokenServer, or [time.Now].
	Now func() time.Time
}

// A Guard is an [http.Handler] in front of a registry's, and lets through the
// requests that a token of a [regtoken.Manager] allows. It knows the API of
// the OCI distribution specification and Docker's registry catalogue, at the
// root of its origin ("/v2/"). Clients log in by HTTP Basic authentication or,
// given a [TokenServer], with a Bearer token. It is safe for concurrent use,
// and starts no goroutine.
//
// What a request needs:
//
//	GET, HEAD   /v2/                       a login
//	GET         /v2/_catalog               a registry scope; shows what its paths match
//	GET, HEAD   /v2/NAME/manifests/REF     pull
//	PUT         /v2/NAME/manifests/REF     push and pull
//	DELETE      /v2/NAME/manifests/REF     admin
//	GET, HEAD   /v2/NAME/blobs/DIGEST      pull
//	DELETE      /v2/NAME/blobs/DIGEST      admin
//	GET         /v2/NAME/tags/list         pull
//	GET         /v2/NAME/referrers/DIGEST  pull
//	POST        /v2/NAME/blobs/uploads/    push and pull; pull on each ?from=
//	GET, PATCH, PUT, DELETE
//	            /v2/NAME/blobs/uploads/ID  push and pull
//
// Anything else is answered with 404 or 405 and never passed on: so are paths
// with percent-escapes, and whatever a registry might take for another
// repository than the guard does.
//
// The catalogue is read from the registry behind, which may page as it likes,
// and cut down to what the token's registry scopes match. An answer holds at
// most 10,000 names, also if n asks for more or is not given; a Link leads on,
// and names no repository that is not shown. They come in the registry's order
// if it can go on behind a name, else in that of bytes.
//
// With a Bearer token a request needs two things: that the token it was got
// with may do it now, by the store, and that it was asked for it. Where only
// the second is missing, the answer is 401 with what to ask for; a client that
// then gets a new one succeeds. So disabling, deleting, narrowing and rotating
// take effect on JWTs in use as fast as on passwords. The listing is bounded
// the same way, and shows what the token's registry scopes match.
//
// Its own answers have the specification's form of an error: 401 with a
// challenge for a login that is missing or wrong, 403 for rights that are, 429
// for an address with too many failed logins, and 503 when the store cannot
// be asked, which says nothing about the login.
//
// Some registries share blobs between repositories: there, who may pull from
// one repository and knows a blob's digest can read it from any.
type Guard struct {
	registry       http.Handler
	manager        *regtoken.Manager
	logins         *logins
	basicChallenge string

	tokens   *TokenServer // nil: Basic alone
	jwks     http.Handler
	tokenURL string
	now      func() time.Time
}

var _ http.Handler = (*Guard)(nil)

// NewGuard returns a Guard of registry for the tokens of m. With nil options
// all defaults hold; the options are copied. Errors: [regtoken.ErrInvalid],
// with all faults.
func NewGuard(registry http.Handler, m *regtoken.Manager, opts *GuardOptions) (*Guard, error) {
	var o GuardOptions
	if opts != nil {
		o = *opts
	}
	if o.Realm == "" {
		o.Realm = defaultRealm
	}
	if o.Now == nil {
		o.Now = time.Now
		if o.TokenServer != nil {
			o.Now = o.TokenServer.options.Now
		}
	}
	policy := loginPolicy{o.TrustedProxies, o.FailedLogins, o.FailedLoginInterval}
	if err := validateGuard(registry, m, o, policy); err != nil {
		return nil, err
	}
	g := &Guard{
		registry:       registry,
		manager:        m,
		basicChallenge: `Basic realm="` + o.Realm + `"`,
		tokenURL:       o.TokenURL,
		now:            o.Now,
	}
	if o.TokenServer != nil {
		g.tokens, g.jwks, g.logins = o.TokenServer, o.TokenServer.JWKS(), o.TokenServer.logins
		return g, nil
	}
	var err error
	g.logins, err = newLogins(policy, o.Now)
	return g, err
}

func validateGuard(registry http.Handler, m *regtoken.Manager, o GuardOptions, policy loginPolicy) error {
	var faults []regtoken.FieldError
	fault := func(field, rule string) {
		faults = append(faults, regtoken.FieldError{Field: field, Rule: rule})
	}
	if registry == nil {
		fault("registry", "must not be nil")
	}
	if m == nil {
		fault("manager", "must not be nil")
	}
	if strings.ContainsFunc(o.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		fault("GuardOptions.Realm", `must be printable ASCII without " and \`)
	}
	if o.TokenURL != "" && (o.TokenServer == nil || !isTokenURL(o.TokenURL)) {
		fault("GuardOptions.TokenURL", "must be an http or https URL without query, for a TokenServer")
	}
	if o.TokenServer != nil && !policy.isZero() {
		fault("GuardOptions.TokenServer", "must have TrustedProxies, FailedLogins and FailedLoginInterval in its own options")
	}
	return regtoken.NewValidationError(append(faults, policy.faults("GuardOptions")...)...)
}

// ServeHTTP answers the request or passes it on, as [Guard] says. What goes on
// has the same body, path and query and no credentials: neither Authorization
// nor Proxy-Authorization, nor a header that asks for another method or path.
// The registry gets w itself; a panic of the registry is the server's to
// handle.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.serveTokens(w, r) {
		return
	}
	var room [1]access // what most requests need
	d, refused := demandOf(r, room[:0])
	if refused != nil {
		refused.answer(w, r.Method)
		return
	}
	ctx, address := g.logins.arrive(r)
	login, err := g.authenticate(ctx, r, address)
	if err == nil {
		err = g.authorize(ctx, &login, d)
	}
	switch {
	case err != nil:
		g.refusalOf(err, r, d).answer(w, r.Method)
	case d.endpoint == catalog:
		g.serveCatalog(w, r.WithContext(ctx), d.query, login.grant)
	default:
		g.registry.ServeHTTP(w, onward(ctx, r))
	}
}

// serveTokens answers what is for the token server.
func (g *Guard) serveTokens(w http.ResponseWriter, r *http.Request) bool {
	if g.tokens == nil || r.URL == nil || r.URL.Opaque != "" || r.URL.RawPath != "" {
		return false
	}
	switch r.URL.Path {
	case TokenPath:
		g.tokens.ServeHTTP(w, r)
	case JWKSPath:
		g.jwks.ServeHTTP(w, r)
	default:
		return false
	}
	return true
}

var (
	errNoLogin           = errors.New("registryauth: no login")
	errInsufficientScope = errors.New("registryauth: the Bearer token was not asked for this")
)

// A loggedIn is who asks, and by what.
type loggedIn struct {
	grant  regtoken.Grant // not behind a pointer: so it stays on the stack
	bearer *claims        // nil: by Basic
}

// authenticate finds out who asks.
func (g *Guard) authenticate(ctx context.Context, r *http.Request, address netip.Addr) (loggedIn, error) {
	if g.tokens != nil {
		if raw, ok := credentials(r, "Bearer"); ok {
			return g.authenticateBearer(ctx, raw)
		}
	}
	login, ok := basicLogin(r)
	if !ok {
		return loggedIn{}, errNoLogin
	}
	grant, err := g.logins.authenticate(ctx, g.manager, address, login)
	return loggedIn{grant: grant}, err
}

// authenticateBearer takes a JWT for what it says, and asks the Manager what
// that is worth now. It counts for no failed login: a JWT cannot be guessed,
// and every one fails in the end, with its life.
func (g *Guard) authenticateBearer(ctx context.Context, raw string) (loggedIn, error) {
	c, err := g.tokens.verify(raw, g.now())
	if err != nil {
		g.manager.Report(ctx, regtoken.Event{
			Operation: regtoken.OpAuthenticate, Outcome: regtoken.Denied, Reason: ReasonInvalidBearer,
		})
		return loggedIn{}, err
	}
	grant, err := g.manager.GrantFor(ctx, c.Regtoken.TokenID, c.Regtoken.SecretID)
	switch {
	case errors.Is(err, regtoken.ErrUnauthenticated):
		return loggedIn{}, errInvalidBearer
	case err != nil:
		return loggedIn{}, err
	}
	return loggedIn{*grant, c}, nil
}

// authorize returns nil if the login has all that is demanded. If only its
// Bearer token stands in the way, that is errInsufficientScope: the client may
// try again with a better one, which it must not be told if that would be of
// no use.
func (g *Guard) authorize(ctx context.Context, login *loggedIn, d demand) error {
	insufficient := false
	for _, a := range d.accesses {
		if login.bearer != nil && !login.bearer.covers(a) && login.grant.Explain(a.repository, a.actions).Allowed {
			insufficient = true
			g.reportInsufficient(ctx, login, a)
			continue
		}
		if err := login.grant.Authorize(a.repository, a.actions); err != nil {
			return err
		}
	}
	if d.endpoint == catalog {
		if login.bearer != nil && !login.bearer.Regtoken.List && login.grant.CanList() {
			insufficient = true
			g.reportInsufficient(ctx, login, access{actions: regtoken.List})
		} else if err := login.grant.AuthorizeList(); err != nil {
			return err
		}
	}
	if insufficient {
		return errInsufficientScope
	}
	return nil
}

func (g *Guard) reportInsufficient(ctx context.Context, login *loggedIn, a access) {
	token := login.grant.Token()
	g.manager.Report(ctx, regtoken.Event{
		Operation: regtoken.OpAuthorize, Outcome: regtoken.Denied,
		TokenID: token.ID, TokenName: token.Name, Owner: token.Owner,
		Path: a.repository, Action: a.actions, Reason: ReasonNotInBearer,
	})
}

// refusalOf maps what stands in the way to the wire.
func (g *Guard) refusalOf(err error, r *http.Request, d demand) *refusal {
	switch {
	case errors.Is(err, errNoLogin), errors.Is(err, regtoken.ErrUnauthenticated):
		return g.challenge(r, d, bearerMissing)
	case errors.Is(err, errInvalidBearer):
		return g.challenge(r, d, bearerInvalid)
	case errors.Is(err, errInsufficientScope):
		return g.challenge(r, d, bearerInsufficient)
	default:
		return refusalOf(err)
	}
}

// onward returns the request as the registry is to see it. Its URL is made
// anew from what was judged: nothing else that came with it (a host in the
// URL, a form parsed before) can name another repository.
func onward(ctx context.Context, r *http.Request) *http.Request {
	on := r.WithContext(ctx)
	on.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	on.RequestURI = r.URL.Path // no path that the table knows has a byte to escape
	if r.URL.RawQuery != "" {
		on.RequestURI += "?" + r.URL.RawQuery
	}
	on.Form, on.PostForm, on.MultipartForm = nil, nil, nil
	on.Header = make(http.Header, len(r.Header))
	for key, values := range r.Header {
		if !isWithheld(key) {
			on.Header[key] = slices.Clip(values) // shared: what Add brings goes elsewhere
		}
	}
	return on
}

// isWithheld reports whether a header is not for the registry: credentials,
// and what asks for another method or path. Its name may be spelt in any case.
func isWithheld(key string) bool {
	if len(key) < len("Authorization") { // the shortest, and longer than most that come
		return false
	}
	switch http.CanonicalHeaderKey(key) {
	case "Authorization", "Proxy-Authorization",
		"X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
		"X-Original-Method", "X-Original-Url", "X-Rewrite-Url":
		return true
	}
	return false
}
