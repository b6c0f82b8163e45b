package interop

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// TestConformance runs the conformance program of the OCI distribution
// specification against each registry, bare and guarded: every test must end
// behind the guard as it does without it, and with a token that lacks a right
// as it does, but for those that need the right.
func TestConformance(t *testing.T) {
	inMemory := software{name: "ocimem", start: func(*testing.T) http.Handler { return ociserver.New(ocimem.New(), nil) }}
	for _, s := range []software{inProcess, distribution, inMemory} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			bare := conform(t, s.start(t), regtoken.Credential{})
			require.Greater(t, bare.count("passed"), 400)
			t.Logf("bare: %v", bare)
			for _, row := range []struct {
				may    rights
				bearer bool
				wants  func(test, bare string) string // nil: as bare
			}{
				{everything, false, nil},
				{everything, true, nil},
				{rights{"repository:*:pull,push", "registry:*:list"}, true, withoutAdmin},
				{rights{"repository:*:pull", "registry:*:list"}, false, withoutPush},
			} {
				handler, credential := guarded(t, s, row.bearer, row.may)
				seen := conform(t, handler, credential)
				t.Logf("guarded, Bearer %t, %v: %v", row.bearer, row.may, seen)
				if row.wants == nil {
					require.Equal(t, bare, seen)
					continue
				}
				require.Less(t, seen.count("passed"), bare.count("passed"))
				for test, ended := range bare {
					// Some tests fall away where nothing could be pushed.
					if now, ran := seen[test]; ran {
						require.Equal(t, row.wants(test, ended), now, test)
					}
				}
			}
		})
	}
}

// withoutAdmin is how a test ends that ended so with every right: what deletes
// fails, and nothing else does.
func withoutAdmin(test, ended string) string {
	if strings.HasSuffix(test, "-delete") {
		return strings.ReplaceAll(ended, "passed", "failure")
	}
	return ended
}

// wantNothing are the tests that look for what is not there.
var wantNothing = []string{
	"ping", "empty/tag list", "bad-digest-image/tag-list", "sha512/tag-list", "invalid-digest-format/manifest-get",
	"missing-manifest/by-digest", "missing-manifest/by-tag", "sha256 blobs/get-missing", "sha512 blobs/get-missing",
}

// withoutPush is how a test ends that ended so with every right: what pushes
// fails, and so does what looks for it later. Cancelling an upload is left out
// by default.
func withoutPush(test, ended string) string {
	switch test = strings.TrimPrefix(test, "OCI Conformance Test/"); {
	case slices.Contains(wantNothing, test):
		return "passed"
	case strings.HasSuffix(test, "/blob-post-cancel"):
		return ended
	}
	return strings.NewReplacer("passed", "failure", "skipped", "failure").Replace(ended)
}

// guarded puts a registry behind a guard, with a token of these rights.
func guarded(t *testing.T, s software, bearer bool, may rights) (http.Handler, regtoken.Credential) {
	t.Helper()
	manager, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	var spec regtoken.TokenSpec
	spec.Name = "conformance"
	for _, text := range may {
		scope, err := regtoken.ParseScope(text)
		require.NoError(t, err)
		spec.Scopes = append(spec.Scopes, scope)
	}
	_, credential, err := manager.CreateToken(t.Context(), spec)
	require.NoError(t, err)
	var opts registryauth.GuardOptions
	if bearer {
		opts.TokenServer, err = registryauth.NewTokenServer(manager, &registryauth.TokenServerOptions{Issuer: "interop", Service: "interop"})
		require.NoError(t, err)
	}
	guard, err := registryauth.NewGuard(s.start(t), manager, &opts)
	require.NoError(t, err)
	return guard, credential
}

// outcomes are what the program's tests ended with, by their names; a test
// that runs several times has them all.
type outcomes map[string]string

func (o outcomes) count(outcome string) int {
	n := 0
	for all := range maps.Values(o) {
		n += strings.Count(all, outcome)
	}
	return n
}

func (o outcomes) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", o.count("passed"), o.count("failure"), o.count("skipped"))
}

// conform runs the program against a registry.
func conform(t *testing.T, registry http.Handler, login regtoken.Credential) outcomes {
	t.Helper()
	program, err := tools.Command("conformance")
	if err != nil {
		cannot(t, "the conformance program cannot be built; try again with access to the Go module proxy: %v", err)
	}
	server := httptest.NewServer(registry)
	defer server.Close()
	results := t.TempDir()
	command := exec.CommandContext(t.Context(), program)
	command.Dir = results
	command.Env = append(os.Environ(),
		"OCI_REGISTRY="+server.Listener.Addr().String(), "OCI_TLS=disabled", "OCI_VERSION=1.1", "OCI_RESULTS_DIR="+results,
		"OCI_USERNAME="+login.Name, "OCI_PASSWORD="+login.Password.Reveal(),
	)
	output, err := command.CombinedOutput()
	report, readErr := os.ReadFile(filepath.Join(results, "junit.xml"))
	require.NoError(t, readErr, "%v\n%s", err, output)
	var suites struct {
		Suites []struct {
			Tests []struct {
				Name   string `xml:"name,attr"`
				Status string `xml:"status,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(report, &suites))
	ended := map[string][]string{}
	for _, suite := range suites.Suites {
		for _, test := range suite.Tests {
			ended[test.Name] = append(ended[test.Name], test.Status)
		}
	}
	o := outcomes{}
	for name, all := range ended {
		slices.Sort(all)
		o[name] = strings.Join(all, " ")
	}
	return o
}
