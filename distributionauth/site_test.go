package distributionauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

func TestMain(m *testing.M) {
	logrus.SetOutput(&logged)
	logrus.SetLevel(logrus.DebugLevel)
	os.Exit(m.Run())
}

// logged is all that distribution has logged.
var logged buffer

type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	octets       = "application/octet-stream"
)

// What each repository of a site holds.
var (
	blob     = []byte("{}")
	manifest = []byte(`{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json",` +
		`"digest":"` + string(digest.FromBytes(blob)) + `","size":2},"layers":[]}`)
	uploaded = []byte("more")
)

// A site is a distribution registry that asks an access controller. It has the
// repositories team/app and other/lib.
type site struct {
	t       *testing.T
	now     atomic.Pointer[time.Time]
	store   *brokenStore
	manager *regtoken.Manager
	app     http.Handler

	handled string // the URL of the registry within a Handler
	bare    string // and of the registry alone
	root    regtoken.Login

	mu     sync.Mutex
	events []regtoken.Event
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, store: &brokenStore{Store: memstore.New()}}
	t.Cleanup(func() { assert.NoError(t, s.store.Close()) })
	s.setNow(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	var err error
	s.manager, err = regtoken.NewManager(s.store, &regtoken.Options{
		Now:       func() time.Time { return *s.now.Load() },
		Observers: []regtoken.Observer{s.observe},
	})
	require.NoError(t, err)
	s.app = newApp(t, distributionauth.Auth(s.manager, nil))
	s.bare = serve(t, s.app)
	s.handled = serve(t, distributionauth.Handler(s.app))

	s.root = s.login("root", "repository:*:pull,push,admin", "registry:*:list")
	for _, repository := range []string{"team/app", "other/lib"} {
		upload := s.startUpload(repository)
		s.expect(http.StatusCreated, http.MethodPut, upload+"&digest="+string(digest.FromBytes(blob)), octets, blob)
		s.expect(http.StatusCreated, http.MethodPut, "/v2/"+repository+"/manifests/v1", manifestType, manifest)
	}
	lone := s.startUpload("other/lib") // a blob that team/app has not
	s.expect(http.StatusCreated, http.MethodPut, lone+"&digest="+string(digest.FromBytes(uploaded)), octets, uploaded)
	s.events = nil
	return s
}

func newApp(t *testing.T, auth configuration.Auth) *handlers.App {
	t.Helper()
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": t.TempDir()},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: auth,
	}
	config.Catalog.MaxEntries = 1000
	app := handlers.NewApp(t.Context(), config)
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	return app
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *site) setNow(now time.Time) { s.now.Store(&now) }

func (s *site) observe(_ context.Context, e regtoken.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// told returns the events since the last call.
func (s *site) told() []regtoken.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

// login makes a token with these scopes.
func (s *site) login(name string, scopes ...string) regtoken.Login {
	s.t.Helper()
	spec := regtoken.TokenSpec{Name: name}
	for _, text := range scopes {
		scope, err := regtoken.ParseScope(text)
		require.NoError(s.t, err)
		spec.Scopes = append(spec.Scopes, scope)
	}
	_, credential, err := s.manager.CreateToken(s.t.Context(), spec)
	require.NoError(s.t, err)
	return credential.Login()
}

// startUpload returns the path and query of an upload under way.
func (s *site) startUpload(repository string) string {
	s.t.Helper()
	answer := s.expect(http.StatusAccepted, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", "", nil)
	location, err := url.Parse(answer.header.Get("Location"))
	require.NoError(s.t, err)
	return location.RequestURI()
}

// expect sends a request of the root token, and requires the status.
func (s *site) expect(status int, method, target, contentType string, body []byte) answer {
	s.t.Helper()
	a := s.do(s.request(s.handled, method, target, contentType, body, s.root))
	require.Equal(s.t, status, a.status, "%s %s: %s", method, target, a.body)
	return a
}

func (s *site) request(address, method, target, contentType string, body []byte, logins ...regtoken.Login) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, address+target, bytes.NewReader(body))
	require.NoError(s.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", manifestType)
	for _, l := range logins {
		r.SetBasicAuth(l.Name, l.Password.Reveal())
	}
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(r *http.Request) answer {
	s.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	require.NoError(s.t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(s.t, err)
	return answer{got.StatusCode, got.Header, string(body)}
}

// get asks the registry within its Handler.
func (s *site) get(target string, logins ...regtoken.Login) answer {
	s.t.Helper()
	return s.do(s.request(s.handled, http.MethodGet, target, "", nil, logins...))
}

// requireRefusal checks an answer that is an error.
func requireRefusal(t *testing.T, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, status == http.StatusUnauthorized, a.header.Get("WWW-Authenticate") != "")
	require.Equal(t, status == http.StatusMethodNotAllowed, a.header.Get("Allow") != "")
	require.Equal(t, []string{"registry/2.0"}, a.header.Values("Docker-Distribution-Api-Version"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	if a.body == "" {
		return // to HEAD
	}
	var body struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	require.Len(t, body.Errors, 1)
	require.Equal(t, code, body.Errors[0].Code)
	require.NotEmpty(t, body.Errors[0].Message)
}

// requireBareRefusal checks what distribution makes of an error that is no
// challenge.
func requireBareRefusal(t *testing.T, a answer) {
	t.Helper()
	require.Equal(t, http.StatusBadRequest, a.status, a.body)
	require.Empty(t, a.body)
	require.Empty(t, a.header.Get("WWW-Authenticate"))
}

var errDown = errors.New("the store is down")

// A brokenStore fails as long as it is told to.
type brokenStore struct {
	store.Store
	down atomic.Bool
}

func (s *brokenStore) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if s.down.Load() {
		return store.Record{}, errors.Join(store.ErrUnavailable, errDown)
	}
	return s.Store.GetByName(ctx, registry, name)
}

// fill puts the digests of a site's content and an upload into a target.
func (s *site) fill(target string) string {
	upload := ""
	if strings.Contains(target, "UPLOAD") {
		upload = s.startUpload("team/app")
	}
	return strings.NewReplacer(
		"UPLOAD", upload,
		"BLOB", string(digest.FromBytes(blob)),
		"MORE", string(digest.FromBytes(uploaded)),
		"MANIFEST", string(digest.FromBytes(manifest)),
	).Replace(target)
}

// delete deletes the token of a login.
func (s *site) delete(login regtoken.Login) error {
	token, err := s.manager.TokenByName(s.t.Context(), login.Name)
	if err != nil {
		return err
	}
	return s.manager.DeleteToken(s.t.Context(), token.ID)
}
