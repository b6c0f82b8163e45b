package registryauth

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// Where a guard with a [TokenServer] serves it.
const (
	TokenPath = "/token"
	JWKSPath  = "/token/jwks"
)

// The errors that a Bearer challenge tells of (RFC 6750).
const (
	bearerMissing      = ""
	bearerInvalid      = "invalid_token"
	bearerInsufficient = "insufficient_scope"
)

// challenge answers 401 and says how to log in: with a TokenServer, by a Bearer
// token for all that the request demands. There is one challenge, not one for
// each scheme: some clients heed only the first and docker, given both, sends
// the password with every request. Clients that know Basic alone need none,
// since they send it unasked.
func (g *Guard) challenge(r *http.Request, d demand, failure string) *refusal {
	if g.tokens == nil {
		return unauthorized(g.basicChallenge)
	}
	realm := g.tokenURL
	if realm == "" {
		origin, ok := g.origin(r)
		if !ok {
			return badHost
		}
		realm = origin + TokenPath
	}
	// None of the parts can hold a quote or a backslash.
	text := `Bearer realm="` + realm + `",service="` + g.tokens.options.Service + `"`
	if scope := d.scopeOf(); scope != "" {
		text += `,scope="` + scope + `"`
	}
	if failure != "" {
		text += `,error="` + failure + `"`
	}
	return unauthorized(text)
}

// origin returns the origin that the client asked, as it knows it: some
// clients refuse a realm elsewhere. The Host header is the client's to choose,
// and comes back to nobody else, but it must not be able to say more than a
// host.
func (g *Guard) origin(r *http.Request) (string, bool) {
	if !isHost(r.Host) {
		return "", false
	}
	scheme := "http://"
	if r.TLS != nil || g.logins.peers.saysTLS(r) {
		scheme = "https://"
	}
	return scheme + r.Host, true
}

// saysTLS reports whether a trusted proxy says that the client came by TLS.
func (p *peers) saysTLS(r *http.Request) bool {
	return p.trusts(p.direct(r.RemoteAddr).address) &&
		len(r.Header["X-Forwarded-Proto"]) == 1 && r.Header["X-Forwarded-Proto"][0] == "https"
}

// hostAndPort is a host name (RFC 1123) or an IP address, IPv6 in brackets,
// and perhaps a port.
var hostAndPort = regexp.MustCompile(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[([0-9a-fA-F:.]+)\])(?::[0-9]{1,5})?$`)

func isHost(text string) bool {
	if len(text) > 261 { // a name of 255 bytes and a port
		return false
	}
	parts := hostAndPort.FindStringSubmatch(text)
	if parts == nil {
		return false
	}
	if parts[1] == "" {
		return true
	}
	address, err := netip.ParseAddr(parts[1])
	return err == nil && address.Is6()
}

// isTokenURL reports whether text is an absolute URL that can be the realm of
// a challenge.
func isTokenURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isPlainName(text) && (u.Scheme == "https" || u.Scheme == "http") &&
		isHost(u.Host) && u.User == nil && !strings.ContainsAny(text, "?#")
}
