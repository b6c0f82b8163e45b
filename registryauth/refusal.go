package registryauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/regtoken/regtoken"
)

// A refusal is an answer of the guard's own that is no success, in the wire
// form of the OCI distribution specification. Its code is one of that
// specification's, or of Docker's registry API, which it grew from.
type refusal struct {
	status  int
	code    string
	message string

	header, value string // one header field besides, if any

	oauth string // the error by RFC 6749, for what a token server may answer to POST
}

var (
	unknownPath = &refusal{status: http.StatusNotFound, code: "NAME_UNKNOWN", message: "there is nothing at this path"}
	badHost     = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the Host header is no host"}
	manyFrom    = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "too many repositories to mount from"}
	badQuery    = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the query is malformed"}
	badCount    = &refusal{status: http.StatusBadRequest, code: "PAGINATION_NUMBER_INVALID", message: "n must be given once, as a number that is not negative"}
	badLast     = &refusal{status: http.StatusBadRequest, code: "NAME_INVALID", message: "last must be given once, as a repository name"}
	formBody    = &refusal{status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED", message: "an upload must not have the media type of a form"}
	noListing   = &refusal{status: http.StatusForbidden, code: "DENIED", message: "the token may not list repositories"}
	badCatalog  = &refusal{status: http.StatusBadGateway, code: "UNKNOWN", message: "the registry's listing cannot be read"}

	// unavailable is never a 401: clients drop a password that one answers.
	unavailable = &refusal{
		status: http.StatusServiceUnavailable, code: "UNAVAILABLE", message: "credentials cannot be checked at the moment",
		oauth: "temporarily_unavailable",
	}
)

// The refusals of a token server alone.
var (
	wrongTokenMethod = &refusal{status: http.StatusMethodNotAllowed, code: "UNSUPPORTED", message: "the method is not supported here", header: "Allow", value: "GET, POST"}
	wrongJWKSMethod  = &refusal{status: http.StatusMethodNotAllowed, code: "UNSUPPORTED", message: "the method is not supported here", header: "Allow", value: "GET, HEAD"}

	longQuery      = &refusal{status: http.StatusRequestURITooLong, code: "UNSUPPORTED", message: "the query is too long"}
	longForm       = &refusal{status: http.StatusRequestEntityTooLarge, code: "UNSUPPORTED", message: "the form is too long", oauth: "invalid_request"}
	noForm         = &refusal{status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED", message: "the body must be a URL-encoded form", oauth: "invalid_request"}
	badForm        = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the form is malformed, or grant_type, username and password are not there once each", oauth: "invalid_request"}
	otherGrantType = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the grant type is not supported", oauth: "unsupported_grant_type"}
	otherService   = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the service is not served here", oauth: "invalid_request"}
	otherAccount   = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "the account is not the one that logs in"}
	tooManyScopes  = &refusal{status: http.StatusBadRequest, code: "UNSUPPORTED", message: "too many scopes", oauth: "invalid_scope"}
)

// unauthorized answers a login that is missing or wrong.
func unauthorized(challenge string) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "a valid login is required",
		header: "WWW-Authenticate", value: challenge, oauth: "invalid_grant",
	}
}

func wrongMethod(e *endpoint) *refusal {
	return &refusal{
		status: http.StatusMethodNotAllowed, code: "UNSUPPORTED", message: "the method is not supported here",
		header: "Allow", value: e.allow(),
	}
}

func tooMany(wait time.Duration) *refusal {
	seconds := (wait + time.Second - 1) / time.Second
	return &refusal{
		status: http.StatusTooManyRequests, code: "TOOMANYREQUESTS", message: "too many failed logins from this address",
		header: "Retry-After", value: strconv.FormatInt(int64(max(seconds, 1)), 10),
		oauth: "temporarily_unavailable",
	}
}

// A tooManyError is how long an address has to wait before it may log in.
type tooManyError time.Duration

func (e tooManyError) Error() string {
	return fmt.Sprintf("registryauth: too many failed logins, wait %v", time.Duration(e))
}

// upstreamFailed answers for a listing that the registry behind would not
// give. Only statuses that mean the same to the client travel on; a 401, say,
// is between the guard and the registry. What the registry wrote never does.
func upstreamFailed(status int) *refusal {
	switch {
	case status == http.StatusNotFound:
		return &refusal{status: status, code: "NAME_UNKNOWN", message: "the registry has no listing"}
	case status == http.StatusTooManyRequests:
		return &refusal{status: status, code: "TOOMANYREQUESTS", message: "the registry is busy"}
	case status == http.StatusServiceUnavailable:
		return &refusal{status: status, code: "UNAVAILABLE", message: "the registry is not available"}
	case status >= 500 && status <= 599:
		return &refusal{status: status, code: "UNKNOWN", message: "the registry failed to list repositories"}
	default:
		return badCatalog
	}
}

// refusalOf maps what the Manager and its grants answer to the wire, but for
// [regtoken.ErrUnauthenticated], whose challenge depends on who is asked. What
// is no refusal of theirs is none of the client's fault.
func refusalOf(err error) *refusal {
	if wait := tooManyError(0); errors.As(err, &wait) {
		return tooMany(time.Duration(wait))
	}
	if !errors.Is(err, regtoken.ErrDenied) {
		return unavailable
	}
	message := "the token may not do this"
	if denied := (*regtoken.DeniedError)(nil); errors.As(err, &denied) {
		if denied.Action == regtoken.List {
			return noListing
		}
		message = fmt.Sprintf("the token lacks %s on %q", denied.Action, denied.Path)
	}
	return &refusal{status: http.StatusForbidden, code: "DENIED", message: message}
}

// answer writes the refusal; to HEAD all but the body.
func (f *refusal) answer(w http.ResponseWriter, method string) {
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if f.header != "" {
		w.Header().Set(f.header, f.value)
	}
	answerJSON(w, method, f.status, map[string][]fault{"errors": {{f.code, f.message}}})
}

// answerExchange writes the refusal of a token server.
func (f *refusal) answerExchange(w http.ResponseWriter, method string) {
	if method != http.MethodPost {
		f.answer(w, method)
		return
	}
	if f.header != "" {
		w.Header().Set(f.header, f.value)
	}
	answerJSON(w, method, f.status, map[string]string{"error": f.oauth, "error_description": f.message})
}

// answerJSON writes an answer of our own.
func answerJSON(w http.ResponseWriter, method string, status int, body any) {
	text, _ := json.Marshal(body) // strings, times, numbers, lists and maps of them: it cannot fail
	answerText(w, method, status, "application/json", text)
}

func answerText(w http.ResponseWriter, method string, status int, mediaType string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.WriteHeader(status)
	if method != http.MethodHead {
		_, _ = w.Write(text) // it fails if the client is gone: nobody is left to be told
	}
}
