package distributionauth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
)

// TestHandlerChangesNothingElse: what distribution answers by itself, a 400
// included, goes to the client as it is.
func TestHandlerChangesNothingElse(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		method, target string
	}{
		{http.MethodGet, "/v2/"},
		{http.MethodGet, "/v2/_catalog?n=-1"},
		{http.MethodGet, "/v2/team/app/manifests/v1"},
		{http.MethodHead, "/v2/team/app/manifests/v1"},
		{http.MethodGet, "/v2/team/app/manifests/none"},
		{http.MethodPut, "/v2/team/app/manifests/v1"},
		{http.MethodGet, "/v2/team/app/blobs/BLOB"},
		{http.MethodGet, "/nothing"},
	} {
		t.Run(row.method+" "+row.target, func(t *testing.T) {
			target := s.fill(row.target)
			bare := s.do(s.request(s.bare, row.method, target, "", nil, s.root))
			handled := s.do(s.request(s.handled, row.method, target, "", nil, s.root))
			bare.header.Del("Date")
			handled.header.Del("Date")
			require.Equal(t, bare, handled)
		})
	}
}

// TestHeadIsAnsweredLikeGet is about refusals.
func TestHeadIsAnsweredLikeGet(t *testing.T) {
	s := newSite(t)
	login := s.login("robot")
	get := s.get("/v2/team/app/manifests/v1", login)
	head := s.do(s.request(s.handled, http.MethodHead, "/v2/team/app/manifests/v1", "", nil, login))
	require.JSONEq(t, `{"errors":[{"code":"DENIED","message":"the token lacks pull on \"team/app\""}]}`, get.body)
	require.Empty(t, head.body)
	get.header.Del("Date")
	head.header.Del("Date")
	require.Equal(t, get.header, head.header)
	require.Equal(t, get.status, head.status)
}

// TestHandlerFlushes: what a registry has written, it may want to be on its
// way.
func TestHandlerFlushes(t *testing.T) {
	goOn := make(chan struct{})
	server := httptest.NewServer(distributionauth.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("begun"))
		w.(http.Flusher).Flush()
		<-goOn
	})))
	defer server.Close()
	defer close(goOn)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text := make([]byte, len("begun"))
	_, err = io.ReadFull(answer.Body, text)
	require.NoError(t, err)
	require.Equal(t, "begun", string(text))
}

// TestHandlerAroundOthers: only a 400 is answered in another way, and only for
// what was refused.
func TestHandlerAroundOthers(t *testing.T) {
	s := newSite(t)
	controller, err := distributionauth.New(s.manager, nil)
	require.NoError(t, err)
	refused := s.login("refused")
	for _, row := range []struct {
		name   string
		login  regtoken.Login
		status int // that the program around the controller answers
		want   int
		body   string
	}{
		{"refused", refused, http.StatusBadRequest, http.StatusForbidden, `{"errors":[{"code":"DENIED","message":"the token lacks pull on \"team/app\""}]}`},
		{"refused, and answered in another way", refused, http.StatusTeapot, http.StatusTeapot, "mine"},
		{"not logged in", regtoken.Login{}, http.StatusBadRequest, http.StatusBadRequest, "mine"},
		{"allowed", s.root, http.StatusBadRequest, http.StatusBadRequest, "mine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			handler := distributionauth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = controller.Authorized(r, access("repository", "", "team/app", "pull"))
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte("mine"))
				if row.body != "mine" {
					w.WriteHeader(http.StatusOK) // some do so twice
				}
			}))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.SetBasicAuth(row.login.Name, row.login.Password.Reveal())
			answer := &oneHeader{ResponseRecorder: httptest.NewRecorder(), t: t}
			handler.ServeHTTP(answer, r)
			require.Equal(t, row.want, answer.Code)
			require.Equal(t, row.body, answer.Body.String())
		})
	}
}

// oneHeader is an answer whose status may be written once.
type oneHeader struct {
	*httptest.ResponseRecorder
	t       *testing.T
	written bool
}

func (o *oneHeader) WriteHeader(status int) {
	require.False(o.t, o.written)
	o.written = true
	o.ResponseRecorder.WriteHeader(status)
}
