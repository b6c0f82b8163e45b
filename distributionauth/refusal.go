package distributionauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/distribution/distribution/v3/registry/api/errcode"
	"github.com/distribution/distribution/v3/registry/auth"

	"github.com/regtoken/regtoken"
)

// Requests that are refused for their form, whoever sent them.
var (
	errUnknownRoute = errors.New("distributionauth: the route is not known")
	errForm         = errors.New("distributionauth: the body may be a form")
	errQuery        = errors.New("distributionauth: the query is malformed")
	errManySources  = errors.New("distributionauth: too many repositories to mount from")
)

// A methodError is the methods that there are instead.
type methodError string

func (e methodError) Error() string {
	return "distributionauth: the method is not supported, but " + string(e)
}

// A challenge asks for a login.
type challenge struct {
	realm string
}

var _ auth.Challenge = (*challenge)(nil)

// SetHeaders implements [auth.Challenge].
func (c *challenge) SetHeaders(_ *http.Request, w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="`+c.realm+`"`)
}

func (c *challenge) Error() string {
	return fmt.Sprintf("distributionauth: HTTP Basic authentication for %q: %v", c.realm, c.Unwrap())
}

// Unwrap implements the convention of package errors.
func (c *challenge) Unwrap() error { return regtoken.ErrUnauthenticated }

// outward makes a challenge of what is one.
func (c *AccessController) outward(err error) error {
	if errors.Is(err, regtoken.ErrUnauthenticated) {
		return &challenge{c.realm}
	}
	return err
}

// A refusal is an answer on the wire.
type refusal struct {
	status  int
	code    errcode.ErrorCode
	message string
	allow   string // the header, if not ""
}

// refusalOf maps the errors of Authorized that are no challenges. What is
// neither for the request's form nor for missing rights is none of the
// client's fault, and never a 401: clients drop a password that one answers.
func refusalOf(err error) refusal {
	method := methodError("")
	switch {
	case errors.As(err, &method):
		return refusal{http.StatusMethodNotAllowed, errcode.ErrorCodeUnsupported, "the method is not supported here", string(method)}
	case errors.Is(err, errUnknownRoute):
		return refusal{http.StatusNotFound, errcode.ErrorCodeUnsupported, "there is nothing at this path", ""}
	case errors.Is(err, errForm):
		return refusal{http.StatusUnsupportedMediaType, errcode.ErrorCodeUnsupported, "the body must not have the media type of a form", ""}
	case errors.Is(err, errQuery):
		return refusal{http.StatusBadRequest, errcode.ErrorCodeUnsupported, "the query is malformed", ""}
	case errors.Is(err, errManySources):
		return refusal{http.StatusBadRequest, errcode.ErrorCodeUnsupported, "too many repositories to mount from", ""}
	case errors.Is(err, regtoken.ErrDenied):
		return refusal{http.StatusForbidden, errcode.ErrorCodeDenied, deniedMessage(err), ""}
	default:
		return refusal{http.StatusServiceUnavailable, errcode.ErrorCodeUnavailable, "credentials cannot be checked at the moment", ""}
	}
}

func deniedMessage(err error) string {
	denied := (*regtoken.DeniedError)(nil)
	switch {
	case !errors.As(err, &denied):
		return "the token may not do this"
	case denied.Action == regtoken.List:
		return "the token may not list all repositories"
	default:
		return fmt.Sprintf("the token lacks %s on %q", denied.Action, denied.Path)
	}
}

// answer writes the refusal in the form of the OCI distribution specification;
// the server leaves out the body to HEAD.
func (f refusal) answer(w http.ResponseWriter) {
	text, _ := json.Marshal(errcode.Errors{f.code.WithMessage(f.message)}) // strings: it cannot fail
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Docker-Distribution-Api-Version", "registry/2.0")
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(text) // it fails if the client is gone: nobody is left to be told
}
