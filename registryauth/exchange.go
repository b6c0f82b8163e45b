package registryauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/regtoken/regtoken"
)

// maxExchange bounds the query or the body of a token request, in bytes.
const maxExchange = 64 << 10

// An exchange is what a token request asks for, and with which credentials.
type exchange struct {
	login regtoken.Login
	wish  wish
}

// readQuery reads a request by GET. Credentials in its query are none: a query
// ends up in logs.
func (s *TokenServer) readQuery(r *http.Request) (exchange, *refusal) {
	if len(r.URL.RawQuery) > maxExchange {
		return exchange{}, longQuery
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return exchange{}, badQuery
	}
	e, refused := s.read(query)
	if refused != nil {
		return exchange{}, refused
	}
	login, ok := basicLogin(r)
	if !ok {
		return exchange{}, s.unauthorized()
	}
	if slices.ContainsFunc(query["account"], func(account string) bool { return account != "" && account != login.Name }) {
		return exchange{}, otherAccount
	}
	e.login = login
	return e, nil
}

// readForm reads a request by POST. Its query and its Authorization header
// count for nothing: there is one place for each thing.
func (s *TokenServer) readForm(w http.ResponseWriter, r *http.Request) (exchange, *refusal) {
	if types := r.Header["Content-Type"]; len(types) != 1 || !isForm(types[0]) {
		return exchange{}, noForm
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxExchange))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return exchange{}, longForm
	}
	if err != nil {
		return exchange{}, badForm
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return exchange{}, badForm
	}
	for _, key := range []string{"grant_type", "username", "password"} {
		if len(form[key]) > 1 {
			return exchange{}, badForm
		}
	}
	switch form.Get("grant_type") {
	case "password":
	case "":
		return exchange{}, badForm
	default:
		return exchange{}, otherGrantType
	}
	if !form.Has("username") || !form.Has("password") {
		return exchange{}, badForm
	}
	e, refused := s.read(form)
	e.login = regtoken.Login{Name: form.Get("username"), Password: regtoken.NewPassword(form.Get("password"))}
	return e, refused
}

// read reads what both have.
func (s *TokenServer) read(values url.Values) (exchange, *refusal) {
	if slices.ContainsFunc(values["service"], func(service string) bool { return service != "" && service != s.options.Service }) {
		return exchange{}, otherService
	}
	w, ok := parseScopes(values["scope"])
	if !ok {
		return exchange{}, tooManyScopes
	}
	return exchange{wish: w}, nil
}

func isForm(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/x-www-form-urlencoded"
}
