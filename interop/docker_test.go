package interop

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// A shell is a user's: with a home, and a docker command in its path that has
// no engine to talk to. Without one, docker login wants TLS, also on the
// loopback interface.
type shell struct {
	env    []string
	config string
}

// cannot ends a test for want of something: in CI it fails, else it is skipped.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		require.Failf(t, "it must not be skipped in CI", format, args...)
	}
	t.Skipf(format, args...)
}

func newShell(t *testing.T, s *site) *shell {
	t.Helper()
	docker, err := tools.Command("docker")
	if err != nil {
		cannot(t, "the docker command cannot be built; try again with access to the Go module proxy: %v", err)
	}
	home := t.TempDir()
	trusted := filepath.Join(home, "trusted.pem")
	if certificate := s.server.Certificate(); certificate != nil {
		if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
			cannot(t, "docker cannot be made to trust the test's certificate on %s; try again on Linux", runtime.GOOS)
		}
		data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
		require.NoError(t, os.WriteFile(trusted, data, 0o600))
	}
	return &shell{
		config: filepath.Join(home, "config.json"),
		env: []string{
			"HOME=" + home,
			"DOCKER_CONFIG=" + home,
			"SSL_CERT_FILE=" + trusted,
			"DOCKER_HOST=unix://" + filepath.Join(home, "no-engine.sock"),
			"PATH=" + filepath.Dir(docker), // and no credential helper
		},
	}
}

// run runs a command line of the Bourne shell, and returns what it printed.
func (s *shell) run(t *testing.T, line string) (string, error) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), sh, "-c", line)
	command.Env = s.env
	output, err := command.CombinedOutput()
	return string(output), err
}

// login runs the command that a credential offers to be pasted.
func (s *shell) login(t *testing.T, c regtoken.Credential, host string) (string, error) {
	t.Helper()
	line, err := c.DockerLogin(host)
	require.NoError(t, err)
	return s.run(t, line)
}

// loggedIn reports whether docker has kept a login for the host.
func (s *shell) loggedIn(t *testing.T, host string) bool {
	t.Helper()
	data, err := os.ReadFile(s.config)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	require.NoError(t, err)
	var config struct{ Auths map[string]any }
	require.NoError(t, json.Unmarshal(data, &config))
	return config.Auths[host] != nil
}

func TestDockerLogin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		login func(*testing.T, *site) regtoken.Credential
		fails string // "" for a login that succeeds
	}{
		{"every right", func(t *testing.T, s *site) regtoken.Credential {
			return s.token(t, everything)
		}, ""},
		{"no scope", func(t *testing.T, s *site) regtoken.Credential {
			return s.token(t, nothing)
		}, ""},
		{"wrong password", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			c.Password = s.token(t, everything).Password
			return c
		}, "401 Unauthorized"},
		{"unknown name", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			c.Name = "nobody"
			return c
		}, "401 Unauthorized"},
		{"disabled", func(t *testing.T, s *site) regtoken.Credential {
			_, c := s.create(t, s.manager, regtoken.TokenSpec{Status: regtoken.Disabled}, everything)
			return c
		}, "401 Unauthorized"},
		{"expired", func(t *testing.T, s *site) regtoken.Credential {
			_, c := s.create(t, s.manager, regtoken.TokenSpec{Expiry: s.clock.now().Add(2 * time.Hour)}, everything)
			s.clock.advance(3 * time.Hour)
			return c
		}, "401 Unauthorized"},
		{"deleted", func(t *testing.T, s *site) regtoken.Credential {
			token, c := s.create(t, s.manager, regtoken.TokenSpec{}, everything)
			require.NoError(t, s.manager.DeleteToken(t.Context(), token.ID))
			return c
		}, "401 Unauthorized"},
		{"of another registry", func(t *testing.T, s *site) regtoken.Credential {
			_, c := s.create(t, s.manager.Registry("other"), regtoken.TokenSpec{}, everything)
			return c
		}, "401 Unauthorized"},
		{"while the store is down", func(t *testing.T, s *site) regtoken.Credential {
			c := s.token(t, everything)
			s.store.down.Store(true)
			return c
		}, "503 Service Unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			eachRegistryOn(t, httptest.NewTLSServer, func(t *testing.T, s *site) {
				user := newShell(t, s)
				output, err := user.login(t, test.login(t, s), s.host)
				if test.fails != "" {
					require.Error(t, err)
					assert.Contains(t, output, test.fails)
					assert.False(t, user.loggedIn(t, s.host))
					return
				}
				require.NoError(t, err, output)
				assert.Contains(t, output, "Login Succeeded")
				require.True(t, user.loggedIn(t, s.host))

				output, err = user.run(t, "docker logout "+s.host)
				require.NoError(t, err, output)
				assert.False(t, user.loggedIn(t, s.host))
			})
		})
	}
}

// TestDockerLoginOverPlainHTTP holds what the docker command does without an
// engine: it does not send a password in the clear, not even on the loopback
// interface. (With one, the engine logs in, and does.)
func TestDockerLoginOverPlainHTTP(t *testing.T) {
	t.Parallel()
	eachRegistry(t, func(t *testing.T, s *site) {
		user := newShell(t, s)
		output, err := user.login(t, s.token(t, everything), s.host)
		require.Error(t, err)
		assert.Contains(t, output, "server gave HTTP response to HTTPS client")
		assert.False(t, user.loggedIn(t, s.host))
	})
}

// TestDockerManifest does what the docker command can do to a registry without
// an engine, logged in by the file that a credential offers: what a Kubernetes
// pull secret holds.
func TestDockerManifest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rights rights
		fails  string
	}{
		{rights{"repository:team/app:pull"}, ""},
		{rights{"repository:team/app:admin"}, "denied: the token lacks pull"},
		{nothing, "denied: the token lacks pull"},
	}
	for _, test := range tests {
		t.Run(test.rights.String(), func(t *testing.T) {
			eachRegistry(t, func(t *testing.T, s *site) {
				a := s.publish(t, "team/app", "v1")
				config, err := s.token(t, test.rights).DockerConfig(s.host)
				require.NoError(t, err)
				user := newShell(t, s)
				require.NoError(t, os.WriteFile(user.config, config, 0o600))

				output, err := user.run(t, "docker manifest inspect --insecure --verbose "+s.host+"/team/app:v1")
				if test.fails != "" {
					require.Error(t, err)
					assert.Contains(t, output, test.fails)
					return
				}
				require.NoError(t, err, output)
				assert.Contains(t, output, a.digest)
			})
		})
	}
}
