package registryauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regtoken/regtoken"
)

const (
	defaultRealm               = "regtoken"
	defaultFailedLogins        = 20
	defaultFailedLoginInterval = 3 * time.Second
)

// Where a guard with a [TokenServer] serves it.
const (
	TokenPath = "/token"
	JWKSPath  = "/token/jwks"
)

// GuardOptions configure a [Guard]. The zero value holds the defaults.
type GuardOptions struct {
	// Realm is the realm of the HTTP Basic challenge (RFC 7617), which
	// clients may show to people: printable ASCII without `"` and `\`. "" is
	// "regtoken".
	Realm string

	// TokenServer lets the guard take Bearer tokens (JWTs) of this token
	// server besides HTTP Basic, challenge clients to get one, and serve the
	// token server on its own origin, at [TokenPath] and [JWKSPath]. Nil is
	// Basic alone.
	TokenServer *TokenServer

	// TokenURL is the public URL of the token endpoint, the realm of the
	// Bearer challenge: "https://registry.example.com/token". "" is TokenPath
	// on the origin that the client asked: its Host header, and https if the
	// connection is TLS or a trusted proxy says so by X-Forwarded-Proto.
	TokenURL string

	// TrustedProxies are the addresses of proxies in front of the guard whose
	// X-Forwarded-For header is believed. It tells the address that failed
	// logins are counted by and that audit events name as the actor. A proxy
	// that is not listed is taken for the client itself. None by default. An
	// IPv4 prefix is written as such, not mapped into IPv6.
	TrustedProxies []netip.Prefix

	// FailedLogins is how many logins one address may fail with at once
	// before it has to wait; an IPv6 /64 is one address, and all peers
	// without an IP address are one. Zero is 20; it must not be negative.
	FailedLogins int

	// FailedLoginInterval is the time after which an address may fail once
	// more, up to FailedLogins again. Zero is 3 seconds; it must not be
	// negative.
	FailedLoginInterval time.Duration

	// Now is the clock that FailedLoginInterval is measured by. Nil is
	// [time.Now].
	Now func() time.Time
}

// A Guard is an [http.Handler] in front of a registry's, and lets through the
// requests that a token of a [regtoken.Manager] allows. It knows the API of
// the OCI distribution specification and Docker's registry catalogue, at the
// root of its origin ("/v2/"), and clients log in by HTTP Basic
// authentication. It is safe for concurrent use, and starts no goroutine.
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
// Its own answers have the specification's form of an error: 401 with a
// challenge for a login that is missing or wrong, 403 for rights that are, 429
// for an address with too many failed logins, and 503 when the store cannot
// be asked, which says nothing about the login.
//
// Some registries share blobs between repositories: there, who may pull from
// one repository and knows a blob's digest can read it from any.
type Guard struct {
	registry     http.Handler
	manager      *regtoken.Manager
	peers        peers
	limit        *loginLimit
	unauthorized *refusal
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
	if o.FailedLogins == 0 {
		o.FailedLogins = defaultFailedLogins
	}
	if o.FailedLoginInterval == 0 {
		o.FailedLoginInterval = defaultFailedLoginInterval
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := validate(registry, m, o); err != nil {
		return nil, err
	}
	limit, err := newLoginLimit(o.Now, o.FailedLogins, o.FailedLoginInterval)
	if err != nil {
		return nil, err
	}
	return &Guard{
		registry: registry,
		manager:  m,
		peers:    peers{slices.Clone(o.TrustedProxies)},
		limit:    limit,
		unauthorized: &refusal{
			status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "a valid login is required",
			header: "WWW-Authenticate", value: `Basic realm="` + o.Realm + `"`,
		},
	}, nil
}

func validate(registry http.Handler, m *regtoken.Manager, o GuardOptions) error {
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
	for i, prefix := range o.TrustedProxies {
		if !prefix.IsValid() || prefix.Addr().Is4In6() {
			fault(fmt.Sprintf("GuardOptions.TrustedProxies[%d]", i), "must be a valid prefix of IPv4 or IPv6, not of IPv4 mapped into IPv6")
		}
	}
	if o.FailedLogins < 0 {
		fault("GuardOptions.FailedLogins", "must not be negative")
	}
	if o.FailedLoginInterval < 0 {
		fault("GuardOptions.FailedLoginInterval", "must not be negative")
	}
	return regtoken.NewValidationError(faults...)
}

// ServeHTTP answers the request or passes it on, as [Guard] says. What goes on
// has the same body, path and query and no credentials: neither Authorization
// nor Proxy-Authorization, nor a header that asks for another method or path.
// The registry gets w itself; a panic of the registry is the server's to
// handle.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, refused := demandOf(r)
	if refused != nil {
		refused.answer(w, r.Method)
		return
	}
	address := g.peers.addressOf(r)
	if address.IsValid() && regtoken.ActorFrom(r.Context()) == "" {
		r = r.WithContext(regtoken.WithActor(r.Context(), address.String()))
	}
	grant, refused := g.authenticate(r, address)
	if refused == nil {
		refused = g.authorize(grant, d)
	}
	switch {
	case refused != nil:
		refused.answer(w, r.Method)
	case d.endpoint == catalog:
		g.serveCatalog(w, r, d.query, grant)
	default:
		g.registry.ServeHTTP(w, onward(r))
	}
}

// authenticate finds out who asks. What is no login at all is not counted as a
// failed one: clients begin with a request without credentials, to see the
// challenge.
func (g *Guard) authenticate(r *http.Request, address netip.Addr) (*regtoken.Grant, *refusal) {
	login, ok := loginOf(r)
	if !ok {
		return nil, g.unauthorized
	}
	if wait := g.limit.wait(address); wait > 0 {
		return nil, tooMany(wait)
	}
	grant, err := g.manager.Authenticate(r.Context(), login)
	if err != nil {
		if errors.Is(err, regtoken.ErrUnauthenticated) {
			g.limit.failed(address)
		}
		return nil, g.refusalOf(err)
	}
	return grant, nil
}

// loginOf returns the credentials of a request with exactly one Authorization
// header, of the scheme Basic.
func loginOf(r *http.Request) (regtoken.Login, bool) {
	if len(r.Header["Authorization"]) != 1 {
		return regtoken.Login{}, false
	}
	name, password, ok := r.BasicAuth()
	return regtoken.Login{Name: name, Password: regtoken.NewPassword(password)}, ok
}

// authorize returns nil if the grant has all that is demanded.
func (g *Guard) authorize(grant *regtoken.Grant, d demand) *refusal {
	for _, a := range d.accesses {
		if err := grant.Authorize(a.repository, a.actions); err != nil {
			return g.refusalOf(err)
		}
	}
	if d.endpoint == catalog {
		if err := grant.AuthorizeList(); err != nil {
			if errors.Is(err, regtoken.ErrDenied) {
				return noListing
			}
			return g.refusalOf(err)
		}
	}
	return nil
}

// onward returns the request as the registry is to see it. Its URL is made
// anew from what was judged: nothing else that came with it (a host in the
// URL, a form parsed before) can name another repository.
func onward(r *http.Request) *http.Request {
	on := r.WithContext(r.Context())
	on.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	on.RequestURI = on.URL.RequestURI()
	on.Form, on.PostForm, on.MultipartForm = nil, nil, nil
	on.Header = r.Header.Clone()
	for key := range on.Header {
		switch http.CanonicalHeaderKey(key) {
		case "Authorization", "Proxy-Authorization",
			"X-Http-Method-Override", "X-Http-Method", "X-Method-Override",
			"X-Original-Method", "X-Original-Url", "X-Rewrite-Url":
			delete(on.Header, key)
		}
	}
	return on
}
