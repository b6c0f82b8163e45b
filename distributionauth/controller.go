package distributionauth

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth"

	"github.com/regtoken/regtoken"
)

const defaultRealm = "regtoken"

// Options configure an [AccessController]. The zero value holds the defaults.
type Options struct {
	// Realm is the realm of the HTTP Basic challenge (RFC 7617), which
	// clients may show to people: printable ASCII without `"` and `\`. "" is
	// "regtoken".
	Realm string
}

// An AccessController decides on the requests to a distribution registry by
// the tokens of a [regtoken.Manager]. Clients log in by HTTP Basic
// authentication with a token's name and secret. It is safe for concurrent use
// and starts no goroutine.
//
// What a request needs:
//
//	GET, HEAD   /v2/                       a login
//	GET         /v2/_catalog               a registry scope on "*"
//	GET, HEAD   /v2/NAME/manifests/REF     pull
//	PUT         /v2/NAME/manifests/REF     push and pull
//	DELETE      /v2/NAME/manifests/REF     admin
//	GET, HEAD   /v2/NAME/blobs/DIGEST      pull
//	DELETE      /v2/NAME/blobs/DIGEST      admin
//	GET         /v2/NAME/tags/list         pull
//	POST        /v2/NAME/blobs/uploads/    push and pull
//	GET, PATCH, PUT, DELETE
//	            /v2/NAME/blobs/uploads/ID  push and pull
//
// and pull on each ?from=. That is more than distribution asks for by itself,
// which takes pull to be enough to look at an upload, and asks for the first
// from alone; but to end an upload, it asks for the right to delete. Whatever
// else it asks for is needed as well. A request of another method, or with a
// body that could be read as a form, is refused.
type AccessController struct {
	manager *regtoken.Manager
	realm   string
}

var _ auth.AccessController = (*AccessController)(nil)

// New returns an AccessController for the tokens of m. With nil options all
// defaults hold; the options are copied. Programs that configure a registry
// need it not: see [Auth]. Errors: [regtoken.ErrInvalid], with all faults.
func New(m *regtoken.Manager, opts *Options) (*AccessController, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Realm == "" {
		o.Realm = defaultRealm
	}
	var faults []regtoken.FieldError
	if m == nil {
		faults = append(faults, regtoken.FieldError{Field: "manager", Rule: "must not be nil"})
	}
	if strings.ContainsFunc(o.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		faults = append(faults, regtoken.FieldError{Field: "realm", Rule: `must be printable ASCII without " and \`})
	}
	if err := regtoken.NewValidationError(faults...); err != nil {
		return nil, err
	}
	return &AccessController{m, o.Realm}, nil
}

// Authorized implements [auth.AccessController] for the requests that
// distribution routes: by the accesses that it asks for, and by the request
// itself. For a handler of the host program's own, the accesses alone count:
// on a resource of the type "repository" the actions pull, push, delete (which
// is [regtoken.Admin]) and "*" (all three), and "*" on the "catalog" of the
// type "registry". All are needed, and with none a login is enough. Anything
// else is denied.
//
// The Manager's observers are told. The actor of their events is the address
// that the request came from, unless the request's context names one (see
// [regtoken.WithActor]): behind a proxy, the host program should.
//
// Errors: an [auth.Challenge] that is [regtoken.ErrUnauthenticated] for a
// login that is missing or wrong; [regtoken.ErrDenied] for missing rights;
// [regtoken.ErrUnavailable] when the store cannot be asked; others for a
// request that is refused for its form.
func (c *AccessController) Authorized(r *http.Request, accesses ...auth.Access) (*auth.Grant, error) {
	grant, err := c.authorize(r, accesses)
	if err != nil {
		err = c.outward(err)
		note(r.Context(), err)
		return nil, err
	}
	return &auth.Grant{
		User:      auth.UserInfo{Name: grant.Token().Name},
		Resources: resourcesOf(accesses),
	}, nil
}

func (c *AccessController) authorize(r *http.Request, accesses []auth.Access) (*regtoken.Grant, error) {
	d, err := demandOf(r, accesses)
	if err != nil {
		return nil, err
	}
	login, ok := basicLogin(r)
	if !ok {
		return nil, regtoken.ErrUnauthenticated
	}
	ctx := withActor(r)
	grant, err := c.manager.Authenticate(ctx, login)
	if err != nil {
		return nil, err
	}
	return grant, c.decide(ctx, grant, d)
}

// basicLogin returns the credentials of a request with exactly one
// Authorization header, of the scheme Basic.
func basicLogin(r *http.Request) (regtoken.Login, bool) {
	if len(r.Header["Authorization"]) != 1 {
		return regtoken.Login{}, false
	}
	name, password, ok := r.BasicAuth()
	return regtoken.Login{Name: name, Password: regtoken.NewPassword(password)}, ok
}

// withActor returns the request's context, in which the peer's address is the
// actor unless there is one. Distribution itself believes whatever
// X-Forwarded-For says.
func withActor(r *http.Request) context.Context {
	ctx := r.Context()
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || regtoken.ActorFrom(ctx) != "" {
		return ctx
	}
	return regtoken.WithActor(ctx, peer.Addr().Unmap().WithZone("").String())
}

// resourcesOf returns each resource once.
func resourcesOf(accesses []auth.Access) []auth.Resource {
	var resources []auth.Resource
	seen := make(map[auth.Resource]bool)
	for _, a := range accesses {
		if !seen[a.Resource] {
			seen[a.Resource] = true
			resources = append(resources, a.Resource)
		}
	}
	return resources
}
