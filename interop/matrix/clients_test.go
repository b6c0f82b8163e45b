package matrix

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client is a command that talks to registries.
type client struct {
	name  string
	about string

	// installed says that the system's packages have the command. Otherwise
	// it is built.
	installed bool

	// plain says that it speaks HTTP without TLS to the loopback interface, and
	// will not be told otherwise.
	plain bool

	// refusesRealms is what it says where a registry sends it to a token server
	// at a private address that is not the registry's own. "" if it goes there.
	refusesRealms string

	operations map[string]operation

	// cannot are the operations that it has not, each with the reason.
	cannot map[string]string

	// otherwise is what differs from what the script says.
	otherwise []exception
}

// An operation does one thing, by one or more commands.
type operation func(*user, work) error

// An exception is a row that a client sees in its own way.
type exception struct {
	row     string
	in      func(arrangement) bool
	outcome outcome
	why     string
}

func everywhere(o outcome, why string, rows ...string) []exception {
	return exceptions(func(arrangement) bool { return true }, o, why, rows)
}

func only(name string, o outcome, why string, rows ...string) []exception {
	return exceptions(func(a arrangement) bool { return a.name == name }, o, why, rows)
}

func except(name string, o outcome, why string, rows ...string) []exception {
	return exceptions(func(a arrangement) bool { return a.name != name }, o, why, rows)
}

func exceptions(in func(arrangement) bool, o outcome, why string, rows []string) []exception {
	var all []exception
	for _, row := range rows {
		all = append(all, exception{row, in, o, why})
	}
	return all
}

const readsFirst = "it reads a manifest before it deletes it, and so needs pull too"

var clients = []client{crane, regctl, oras, docker, buildx, skopeo, buildah}

// command returns the path of the client's command.
func (c client) command(t *testing.T) string {
	t.Helper()
	if !c.installed {
		path, err := tools.Command(c.name)
		require.NoError(t, err)
		return path
	}
	path, err := exec.LookPath(c.name)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("%s is not installed; on Debian: apt-get install --no-install-recommends %[1]s", c.name)
	}
	require.NoError(t, err)
	return path
}
