package registryauth

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/regtoken/regtoken"
)

// GuardOptions configure a [Guard]. The zero value holds the defaults.
type GuardOptions struct {
	// Realm is named in the challenge of HTTP Basic authentication; people
	// may see it. Printable ASCII without `"` and `\`. "" is "regtoken".
	Realm string

	// TrustedProxies are the addresses whose X-Forwarded-For header is
	// believed. None by default.
	TrustedProxies []netip.Prefix

	// FailedLogins is how many failed logins in a row one address may make.
	// Zero is 20.
	FailedLogins int

	// FailedLoginInterval is how long it takes until an address may make one
	// failed login more. Zero is 3 seconds.
	FailedLoginInterval time.Duration

	// Now is the clock of the limit of failed logins. Nil is [time.Now].
	Now func() time.Time
}

// A Guard stands in front of a registry's handler and lets through what the
// tokens of a [regtoken.Manager] allow.
type Guard struct {
	registry http.Handler
	manager  *regtoken.Manager
	options  GuardOptions
}

// NewGuard returns a Guard of registry. With nil options all defaults hold. It
// starts no goroutine.
func NewGuard(registry http.Handler, m *regtoken.Manager, opts *GuardOptions) (*Guard, error) {
	var o GuardOptions
	if opts != nil {
		o = *opts
	}
	return &Guard{registry: registry, manager: m, options: o}, nil
}

// ServeHTTP refuses everything for now.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not built yet", http.StatusServiceUnavailable)
}
