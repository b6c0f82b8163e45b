package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func TestMain(m *testing.M) {
	// Each distribution registry makes a sink for its notifications, and its
	// Shutdown never closes it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/docker/go-events.(*Broadcaster).run"))
}

// output is a standard output whose lines a test reads as they come.
type output chan string

func (o output) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		o <- strings.TrimSpace(line)
	}
	return len(text), nil
}

// find reads up to a line that matches, and returns its submatches.
func (o output) find(t *testing.T, expression string) []string {
	t.Helper()
	re := regexp.MustCompile(expression)
	late := time.After(time.Minute)
	for {
		select {
		case line := <-o:
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		case <-late:
			require.Fail(t, "no such line", expression)
		}
	}
}

// A process is the example, run within the test.
type process struct {
	out  output
	stop context.CancelFunc // as a signal does
	done chan error         // gets what run returned
}

func start(t *testing.T, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out := make(output, 10_000) // more than is ever printed here, so that nothing waits
	done := make(chan error, 1)
	go func() { done <- run(ctx, args, out) }()
	return process{out, cancel, done}
}

const loginLine = `^echo (\S+) \| docker login --username (\S+) --password-stdin (\S+)$`

// schemes is a transport that notes how requests to the registry log in.
type schemes struct {
	*http.Transport
	seen sync.Map // of each scheme
}

func (s *schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.HasPrefix(r.URL.Path, "/v2/") {
		s.seen.Store(scheme, true)
	}
	return s.Transport.RoundTrip(r)
}

func (s *schemes) names() []string {
	var names []string
	s.seen.Range(func(scheme, _ any) bool {
		names = append(names, scheme.(string))
		return true
	})
	return names
}

func TestFirstToken(t *testing.T) {
	for _, test := range []struct {
		scheme string
		args   []string
	}{
		{"Bearer", nil},
		{"Basic", []string{"-basic"}},
	} {
		t.Run(test.scheme, func(t *testing.T) {
			p := start(t, append(test.args, "-addr", "127.0.0.1:0")...)
			folder := p.out.find(t, `^(/\S+|[A-Z]:\S+)$`)[0]
			login := p.out.find(t, loginLine)
			password, user, host := login[1], login[2], login[3]

			transport := &schemes{Transport: &http.Transport{}} // whose connections the test can close
			options := []remote.Option{
				remote.WithContext(t.Context()),
				remote.WithTransport(transport),
				remote.WithAuth(&authn.Basic{Username: user, Password: password}),
			}
			tag, err := name.NewTag(host + "/team/app:v1")
			require.NoError(t, err)
			image, err := random.Image(64, 1)
			require.NoError(t, err)

			require.NoError(t, remote.Write(tag, image, options...))
			p.out.find(t, `succeeded authenticate token="first"`)
			p.out.find(t, `succeeded authorize +token="first" pull,push on "team/app" scopes=\[repository:\*:pull,push,admin\]`)

			pulled, err := remote.Image(tag, options...)
			require.NoError(t, err)
			require.NoError(t, validate.Image(pulled))
			p.out.find(t, `succeeded authorize +token="first" pull on "team/app"`)

			repositories, err := remote.Catalog(t.Context(), tag.Registry, options...)
			require.NoError(t, err)
			assert.Equal(t, []string{"team/app"}, repositories)
			p.out.find(t, `succeeded authorize +token="first" list on the registry`)

			require.NoError(t, remote.Delete(tag, options...))
			p.out.find(t, `succeeded authorize +token="first" admin on "team/app"`)
			assert.Equal(t, []string{test.scheme}, transport.names())

			options[2] = remote.WithAuth(&authn.Basic{Username: user, Password: "wrong"})
			_, err = remote.Get(tag, options...)
			require.ErrorContains(t, err, "UNAUTHORIZED")
			p.out.find(t, `denied +authenticate token="first" reason="malformed secret"`)

			// Name and password by themselves are good in either case.
			for given, status := range map[string]int{password: http.StatusOK, "wrong": http.StatusUnauthorized} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
				require.NoError(t, err)
				r.SetBasicAuth(user, given)
				answer, err := transport.RoundTrip(r)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				assert.Equal(t, status, answer.StatusCode)
				if status == http.StatusUnauthorized {
					assert.Regexp(t, "^"+test.scheme+" ", answer.Header.Get("WWW-Authenticate"))
				}
			}

			transport.CloseIdleConnections()
			p.stop()
			require.NoError(t, <-p.done)
			assert.NoDirExists(t, folder)
		})
	}
}

// TestRestart ends the process and starts it again on the same folder, where
// content and tokens are still there.
func TestRestart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	transport := &http.Transport{}
	get := func(host, password string) (string, error) {
		tag, err := name.NewTag(host + "/team/app:v1")
		require.NoError(t, err)
		got, err := remote.Get(tag, remote.WithTransport(transport), remote.WithAuth(&authn.Basic{Username: firstName, Password: password}))
		if err != nil {
			return "", err
		}
		return got.Digest.String(), nil
	}
	end := func(p process) {
		transport.CloseIdleConnections()
		p.stop()
		require.NoError(t, <-p.done)
	}

	p := start(t, "-addr", "127.0.0.1:0", "-data", data)
	login := p.out.find(t, loginLine)
	password := login[1]
	tag, err := name.NewTag(login[3] + "/team/app:v1")
	require.NoError(t, err)
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(tag, image, remote.WithTransport(transport), remote.WithAuth(&authn.Basic{Username: login[2], Password: password})))
	digest, err := get(login[3], password)
	require.NoError(t, err)
	end(p)

	p = start(t, "-addr", "127.0.0.1:0", "-data", data)
	host := p.out.find(t, `listens on (\S+);`)[1]
	p.out.find(t, "^as before: ")
	again, err := get(host, password)
	require.NoError(t, err)
	require.Equal(t, digest, again)
	end(p)

	p = start(t, "-addr", "127.0.0.1:0", "-data", data, "-rotate")
	login = p.out.find(t, loginLine)
	_, err = get(login[3], password)
	require.ErrorContains(t, err, "UNAUTHORIZED")
	again, err = get(login[3], login[1])
	require.NoError(t, err)
	require.Equal(t, digest, again)
	end(p)
}

func TestMetrics(t *testing.T) {
	manager, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	_, credential, err := manager.CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc"})
	require.NoError(t, err)
	for range 3 {
		_, err := manager.Authenticate(t.Context(), credential.Login())
		require.NoError(t, err)
	}
	require.NoError(t, testutil.CollectAndCompare(collector{manager}, strings.NewReader(`
# HELP regtoken_cache_hits_total Logins admitted by what was kept in memory.
# TYPE regtoken_cache_hits_total counter
regtoken_cache_hits_total 2
# HELP regtoken_cache_misses_total Logins for which the store was asked.
# TYPE regtoken_cache_misses_total counter
regtoken_cache_misses_total 1
# HELP regtoken_fresh 1 while logins may go by what is in memory.
# TYPE regtoken_fresh gauge
regtoken_fresh 1
`), "regtoken_cache_hits_total", "regtoken_cache_misses_total", "regtoken_fresh"))
	problems, err := testutil.CollectAndLint(collector{manager})
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestMetricsAreServed asks where -metrics says.
func TestMetricsAreServed(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())
	p := start(t, "-addr", "127.0.0.1:0", "-metrics", addr)
	p.out.find(t, loginLine)
	transport := &http.Transport{}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	require.EventuallyWithT(t, func(t *assert.CollectT) { // the line is printed before anything is served
		answer, err := transport.RoundTrip(request)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Contains(t, string(body), "regtoken_cached_tokens ")
	}, time.Minute, 10*time.Millisecond)
	transport.CloseIdleConnections()
	p.stop()
	require.NoError(t, <-p.done)
}

func TestArgumentsThatCannotBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	tests := []struct {
		name string
		args []string
		says string
	}{
		{"a port that is taken", []string{"-addr", taken.Addr().String()}, "-addr " + taken.Addr().String()},
		{"no port", []string{"-addr", "127.0.0.1"}, "-addr 127.0.0.1"},
		{"every interface", []string{"-addr", "0.0.0.0:0"}, "no TLS"},
		{"metrics on every interface", []string{"-addr", "127.0.0.1:0", "-metrics", "0.0.0.0:0"}, "no TLS"},
		{"a file as the folder", []string{"-addr", "127.0.0.1:0", "-data", file}, "-data"},
		{"a stray argument", []string{"5000"}, `"5000"`},
		{"an unknown flag", []string{"-port", "5000"}, "-port"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.args...)
			require.ErrorContains(t, <-p.done, test.says)
		})
	}
}
