package matrix

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// A user has a home of its own, and a login that a client keeps there.
type user struct {
	command string
	home    string
	env     []string
	output  bytes.Buffer // what the commands of one operation printed
}

// newUser returns a user who has not logged in.
func newUser(t *testing.T, s *site, command string) *user {
	t.Helper()
	home := t.TempDir()
	return &user{
		command: command,
		home:    home,
		env: []string{
			"HOME=" + home,
			"DOCKER_CONFIG=" + home,
			"REGISTRY_AUTH_FILE=" + filepath.Join(home, "config.json"),
			"XDG_RUNTIME_DIR=" + home,
			"TMPDIR=" + home,
			"SSL_CERT_FILE=" + s.certFile,
			"DOCKER_HOST=unix://" + filepath.Join(home, "no-engine.sock"),
			"PATH=" + home, // no credential helper
		},
	}
}

// give puts a login into docker's configuration file, which every client
// reads.
func (u *user) give(t *testing.T, c regtoken.Credential, host string) {
	t.Helper()
	config, err := c.DockerConfig(host)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(u.home, "config.json"), config, 0o600))
}

// patience is how long a command may take: one that hangs has failed.
const patience = time.Minute

// run runs the client's command.
func (u *user) run(arguments ...string) error { return u.tell("", arguments...) }

// tell runs the client's command and writes to its standard input.
func (u *user) tell(input string, arguments ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, u.command, arguments...)
	command.Env = u.env
	command.Dir = u.home
	command.Stdin = strings.NewReader(input)
	command.Stdout, command.Stderr = &u.output, &u.output
	command.WaitDelay = time.Second // for children of its own
	return command.Run()
}

// An outcome is what a user sees of an operation.
type outcome string

const (
	done         outcome = "done"
	unauthorized outcome = "401"
	denied       outcome = "403"

	// notFound is a refusal that the client takes for something else.
	notFound outcome = "not found"

	// yetChanged follows on a refusal if the tag that was there is no longer
	// what it was.
	yetChanged outcome = ", tag overwritten"

	// The rest is what should not be.
	withoutEffect outcome = "no effect"
	yetDone       outcome = "fails, yet done"
	showsTooMuch  outcome = "shows too much"
	unclear       outcome = "fails"
)

var (
	// insufficient_scope is what the challenge of a 401 tells of.
	saysUnauthorized = regexp.MustCompile(`(?i)\b401\b|unauthorized|authentication required|insufficient_scope|no basic auth credentials|basic credential not found|invalid username/password`)
	saysDenied       = regexp.MustCompile(`(?i)\b403\b|forbidden|denied`)
	saysForbidden    = regexp.MustCompile(`\b403\b`) // where it calls that "unauthorized"
	saysNotFound     = regexp.MustCompile(`no such manifest`)
)

// refusal tells by a client's words why it failed.
func (u *user) refusal() outcome {
	switch {
	case saysForbidden.Match(u.output.Bytes()):
		return denied
	case saysUnauthorized.Match(u.output.Bytes()):
		return unauthorized
	case saysDenied.Match(u.output.Bytes()):
		return denied
	case saysNotFound.Match(u.output.Bytes()):
		return notFound
	default:
		return unclear
	}
}
