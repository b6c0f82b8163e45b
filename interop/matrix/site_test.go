package matrix

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// A site is an arrangement at work, for one client alone.
type site struct {
	identity
	plain   bool   // HTTP without TLS
	host    string // host:port, as a client names it
	manager *regtoken.Manager
	clock   *clock
	tokens  *registryauth.TokenServer

	// owner may do everything: it prepares what a client works on, and looks
	// at what became of it.
	owner regtoken.Credential
}

const (
	issuer  = "regtoken-interop"
	service = "registry-interop"

	// loopback is what registries are called by. Some clients refuse a token
	// server that is at a private address, but not one at the same name.
	loopback = "localhost"

	// plenty is more failed logins than the script has: each of them comes
	// from one address.
	plenty = 10_000
)

func startSite(t *testing.T, a arrangement, plain bool) *site {
	t.Helper()
	s := &site{identity: newIdentity(t), plain: plain, clock: &clock{}}
	var err error
	s.manager, err = regtoken.NewManager(memstore.New(), &regtoken.Options{Now: s.clock.now})
	require.NoError(t, err)
	s.tokens, err = registryauth.NewTokenServer(s.manager, &registryauth.TokenServerOptions{
		Issuer: issuer, Service: service, FailedLogins: plenty, Now: s.clock.now,
	})
	require.NoError(t, err)
	_, s.owner = s.create(t, regtoken.TokenSpec{}, everything)
	s.host = loopback + ":" + a.start(t, s)
	return s
}

// A rights is what a token may do, in the text form of scopes.
type rights []string

var (
	everything = rights{"repository:*:pull,push,admin", "registry:*:list"}
	nothing    = rights{}
)

// create makes a token, whose name is of no matter.
func (s *site) create(t *testing.T, spec regtoken.TokenSpec, r rights) (regtoken.Token, regtoken.Credential) {
	t.Helper()
	for _, text := range r {
		scope, err := regtoken.ParseScope(text)
		require.NoError(t, err)
		spec.Scopes = append(spec.Scopes, scope)
	}
	spec.Name = "t-" + uuid.NewString()
	token, credential, err := s.manager.CreateToken(t.Context(), spec)
	require.NoError(t, err)
	return token, credential
}

// reference names a manifest of the registry by tag or digest.
func (s *site) reference(t *testing.T, repository, tagOrDigest string) name.Reference {
	t.Helper()
	separator := ":"
	if strings.Contains(tagOrDigest, ":") {
		separator = "@"
	}
	ref, err := name.ParseReference(s.host + "/" + repository + separator + tagOrDigest)
	require.NoError(t, err)
	return ref
}

// asOwner are the options of a request with the owner's login.
func (s *site) asOwner(t *testing.T) []remote.Option {
	return []remote.Option{
		remote.WithContext(t.Context()),
		remote.WithTransport(s.transportForClients),
		remote.WithAuth(&authn.Basic{Username: s.owner.Name, Password: s.owner.Password.Reveal()}),
	}
}

// digestOf returns the digest of the manifest that the registry has by a tag
// or digest, or "".
func (s *site) digestOf(t *testing.T, repository, tagOrDigest string) string {
	t.Helper()
	found, err := remote.Head(s.reference(t, repository, tagOrDigest), s.asOwner(t)...)
	if err != nil {
		return ""
	}
	return found.Digest.String()
}

// clock is the real one, moved.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(by time.Duration) { c.ahead.Add(int64(by)) }
func (c *clock) reset()                   { c.ahead.Store(0) }
