package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// A request is one as it goes over the wire.
type request struct {
	method string
	target string // path and query, or what a Location header said
	kind   string // Content-Type
	body   []byte
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// anonymous is what a client presents before it is asked to log in.
var anonymous regtoken.Credential

// send sends a request with this credential, and follows no redirect.
func (s *site) send(t *testing.T, c regtoken.Credential, r request) answer {
	t.Helper()
	target := r.target
	if target[0] == '/' {
		target = "http://" + s.host + target
	}
	request, err := http.NewRequestWithContext(t.Context(), r.method, target, bytes.NewReader(r.body))
	require.NoError(t, err)
	for _, accepted := range []string{manifestType, indexType} { // distribution wants to be asked for them
		request.Header.Add("Accept", accepted)
	}
	if r.kind != "" {
		request.Header.Set("Content-Type", r.kind)
	}
	if c.Name != "" {
		request.SetBasicAuth(c.Name, c.Password.Reveal())
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, body}
}

// refused sends a request that the guard must answer by itself, with this
// status and this code of the OCI distribution specification.
func (s *site) refused(t *testing.T, c regtoken.Credential, r request, status int, code string) {
	t.Helper()
	before := s.passed.requests.Load()
	got := s.send(t, c, r)
	assert.Equal(t, status, got.status, "%s %s: %s", r.method, r.target, got.body)
	assert.Equal(t, before, s.passed.requests.Load(), "%s %s reached the registry", r.method, r.target)
	assert.Equal(t, status == http.StatusUnauthorized, got.header.Get("WWW-Authenticate") != "", "a challenge belongs to 401 alone")
	if r.method == http.MethodHead {
		assert.Empty(t, got.body)
		return
	}
	assert.Equal(t, code, errorCode(t, got.body))
}

// denied sends a request that the token may not make.
func (s *site) denied(t *testing.T, c regtoken.Credential, r request) {
	t.Helper()
	s.refused(t, c, r, http.StatusForbidden, "DENIED")
}

// errorCode returns the code of an error body of the OCI distribution
// specification, which has one error.
func errorCode(t *testing.T, body []byte) string {
	t.Helper()
	var parsed struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal(body, &parsed), "%s", body)
	require.Len(t, parsed.Errors, 1)
	assert.NotEmpty(t, parsed.Errors[0].Message)
	return parsed.Errors[0].Code
}
