package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The first time takes minutes; then it is there, and no test waits for it.
	if _, err := buildRegistry(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
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
func (p process) find(t *testing.T, expression string) []string {
	t.Helper()
	re := regexp.MustCompile(expression)
	late := time.After(time.Minute)
	for {
		select {
		case line := <-p.out:
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		case err := <-p.done:
			require.NoError(t, err)
			require.Fail(t, "it ended without such a line", expression)
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

func TestFirstToken(t *testing.T) {
	p := start(t, "-addr", "127.0.0.1:0", "-tokens", "127.0.0.1:0")
	config := p.find(t, `^(/\S+|[A-Z]:\S+)$`)[0]
	tokenURL := p.find(t, `^Its token server is (\S+)$`)[1]
	login := p.find(t, loginLine)
	password, user, host := login[1], login[2], login[3]

	transport := &http.Transport{} // whose connections the test can close
	defer transport.CloseIdleConnections()
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
	p.find(t, `succeeded authenticate token="first"`)
	p.find(t, `succeeded authorize +token="first" pull,push on "team/app" scopes=\[repository:\*:pull,push,admin\]`)

	pulled, err := remote.Image(tag, options...)
	require.NoError(t, err)
	require.NoError(t, validate.Image(pulled))
	p.find(t, `succeeded authorize +token="first" pull on "team/app"`)

	repositories, err := remote.Catalog(t.Context(), tag.Registry, options...)
	require.NoError(t, err)
	assert.Equal(t, []string{"team/app"}, repositories)
	p.find(t, `succeeded authorize +token="first" list on the registry`)

	require.NoError(t, remote.Delete(tag, options...))
	p.find(t, `succeeded authorize +token="first" (pull,push,)?admin on "team/app"`)

	options[2] = remote.WithAuth(&authn.Basic{Username: user, Password: "wrong"})
	_, err = remote.Get(tag, options...)
	require.ErrorContains(t, err, "UNAUTHORIZED")
	p.find(t, `denied +authenticate token="first" reason="malformed secret"`)

	transport.CloseIdleConnections()
	p.stop()
	require.NoError(t, <-p.done)
	assert.NoFileExists(t, config)
	for _, ended := range []string{"http://" + host + "/v2/", tokenURL} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ended, nil)
		require.NoError(t, err)
		answer, err := transport.RoundTrip(r)
		if !assert.Error(t, err) {
			answer.Body.Close()
		}
	}
}

// TestKeysAndContentOutliveTheProcess: so JWTs of before are good after it.
func TestKeysAndContentOutliveTheProcess(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var digests, keys []string
	for range 2 {
		p := start(t, "-addr", "127.0.0.1:0", "-tokens", "127.0.0.1:0", "-data", data)
		login := p.find(t, loginLine)
		options := []remote.Option{
			remote.WithTransport(transport),
			remote.WithAuth(&authn.Basic{Username: login[2], Password: login[1]}),
		}
		tag, err := name.NewTag(login[3] + "/team/app:v1")
		require.NoError(t, err)
		if digests == nil {
			image, err := random.Image(64, 1)
			require.NoError(t, err)
			require.NoError(t, remote.Write(tag, image, options...))
		}
		got, err := remote.Get(tag, options...)
		require.NoError(t, err)
		digests = append(digests, got.Digest.String())
		jwks, err := os.ReadFile(filepath.Join(data, "jwks.json"))
		require.NoError(t, err)
		keys = append(keys, string(jwks))
		transport.CloseIdleConnections()
		p.stop()
		require.NoError(t, <-p.done)

		log, err := os.ReadFile(filepath.Join(data, "registry.log"))
		require.NoError(t, err)
		assert.Contains(t, string(log), "authorized request")
		assert.NotContains(t, string(log), login[1])
	}
	assert.Equal(t, digests[0], digests[1])
	assert.Equal(t, keys[0], keys[1])
}

func TestWhatCannotBe(t *testing.T) {
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
		{"a port that is taken", []string{"-addr", taken.Addr().String(), "-tokens", "127.0.0.1:0"}, "the registry ended: exit status 1: listen tcp " + taken.Addr().String()},
		{"a tokens' port that is taken", []string{"-tokens", taken.Addr().String()}, "-tokens " + taken.Addr().String()},
		{"no port", []string{"-addr", "127.0.0.1"}, "-addr 127.0.0.1"},
		{"every interface", []string{"-addr", "0.0.0.0:0"}, "no TLS"},
		{"every interface for tokens", []string{"-tokens", "0.0.0.0:0"}, "no TLS"},
		{"a file as the folder", []string{"-tokens", "127.0.0.1:0", "-data", file}, "-data"},
		{"a program that is none", []string{"-tokens", "127.0.0.1:0", "-registry", file}, "cannot start the registry"},
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

// TestARegistryThatEndsByItself: the token server is of no use without it.
func TestARegistryThatEndsByItself(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a shell script stands for the registry")
	}
	program := filepath.Join(t.TempDir(), "registry")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700))
	p := start(t, "-tokens", "127.0.0.1:0", "-registry", program)
	require.ErrorContains(t, <-p.done, "ended by itself")
}
