package regtoken

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// A Login is what a client presents: a token's name and one of its secrets.
// Printed, logged or encoded it shows the name alone.
type Login struct {
	Name     string
	Password Password
}

// A Credential is what a client logs in with. It is returned once, by
// [Manager.CreateToken] and [Manager.RotateSecret]; nothing returns the
// password again.
type Credential struct {
	Name     string    // the token's name, which is the login user name
	Password Password  // redacts itself; Reveal gives it up
	SecretID uuid.UUID // which of the token's secrets this is
}

// Login returns the credential as a client presents it.
func (c Credential) Login() Login {
	return Login{Name: c.Name, Password: c.Password}
}

// DockerLogin returns the shell command that logs in to the registry at host
// ("registry.example.com", "localhost:5000", "[::1]:5000"). It holds the
// password, and is safe to paste: nothing in it is special to a shell. Errors:
// [ErrInvalid] if host is not a host name or IP address with an optional port
// (field "host"), or the credential is not one that a Manager made (fields
// "name", "password").
func (c Credential) DockerLogin(host string) (string, error) {
	if err := c.validate(host); err != nil {
		return "", err
	}
	if strings.HasPrefix(host, "[") {
		host = "'" + host + "'"
	}
	return fmt.Sprintf("echo %s | docker login --username %s --password-stdin %s", c.Password.Reveal(), c.Name, host), nil
}

// DockerConfig returns a Docker config.json that holds this one login to the
// registry at host. It holds the password. It is what a Kubernetes secret of
// type kubernetes.io/dockerconfigjson keeps under ".dockerconfigjson". Errors:
// as [Credential.DockerLogin].
func (c Credential) DockerConfig(host string) ([]byte, error) {
	if err := c.validate(host); err != nil {
		return nil, err
	}
	type entry struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Auth     []byte `json:"auth"` // base64, as the format wants it
	}
	return json.Marshal(map[string]map[string]entry{"auths": {host: {
		Username: c.Name,
		Password: c.Password.Reveal(),
		Auth:     []byte(c.Name + ":" + c.Password.Reveal()),
	}}})
}

func (c Credential) validate(host string) error {
	var v validation
	v.name("name", c.Name)
	if !isSecret(c.Password.Reveal()) {
		v.fault("password", "must be a secret of this library")
	}
	if !isHost(host) {
		v.fault("host", "must be a host name or an IP address (IPv6 in brackets), with or without a port")
	}
	return v.err()
}

// hostName is RFC 1123's, by labels.
var hostName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

func isHost(host string) bool {
	if name, port, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		if strings.HasPrefix(host, "[") {
			return isIPv6(name)
		}
		host = name
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && isIPv6(inner)
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

func isIPv6(text string) bool {
	addr, err := netip.ParseAddr(text)
	return err == nil && addr.Is6() && addr.Zone() == ""
}
