package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/regtoken/regtoken/registryauth"
)

// The names that the token server and the registry know each other by.
const (
	issuer  = "regtoken-example"
	service = "registry-example"
)

// configuration is the registry's configuration file. It takes the folder, the
// registry's address, the token server's URL, its service and issuer, and the
// file of its public keys; a quoted string is the same in Go and in YAML.
const configuration = `version: 0.1
log:
  formatter: json # for this example, which reads where the registry listens
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: %[1]q
  delete:
    enabled: true # off by default; who may delete, the token says
http:
  addr: %[2]q
  draintimeout: 5s # lets requests end at SIGTERM
auth:
  token:
    realm: %[3]q
    service: %[4]q
    issuer: %[5]q
    jwks: %[6]q # read once, at the start
    signingalgorithms:
      - EdDSA # all that the token server uses, so nothing else is believed
`

// writeConfiguration writes the public keys, and the configuration file that
// names them, into the folder. It returns the file's path.
func writeConfiguration(folder, addr, tokenURL string, keys *registryauth.SigningKeys) (string, error) {
	jwks := filepath.Join(folder, "jwks.json")
	if err := keys.WriteJWKS(jwks); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "config.yml")
	text := fmt.Sprintf(configuration, filepath.Join(folder, "content"), addr, tokenURL, service, issuer, jwks)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
