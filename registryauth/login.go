package registryauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/regtoken/regtoken"
)

const (
	defaultFailedLogins        = 20
	defaultFailedLoginInterval = 3 * time.Second

	// maxAuthorization bounds the Authorization header in bytes. A JWT for
	// maxScopes repositories with the longest names fits.
	maxAuthorization = 64 << 10
)

// The reasons for refusals that are decided in front of the Manager, as its
// observers are told them.
const (
	// ReasonTooManyFailures: the address has too many failed logins behind it.
	ReasonTooManyFailures regtoken.Reason = "too many failed logins from the address"

	// ReasonInvalidBearer: the Bearer token is no valid JWT of the token
	// server.
	ReasonInvalidBearer regtoken.Reason = "bearer token is invalid"

	// ReasonNotInBearer: the token may do this, and the Bearer token was not
	// asked for it. The client is told to get another.
	ReasonNotInBearer regtoken.Reason = "bearer token was not asked for this"
)

// loginPolicy says where logins come from and how many may fail.
type loginPolicy struct {
	trustedProxies []netip.Prefix
	failures       int
	interval       time.Duration
}

func (p loginPolicy) isZero() bool {
	return p.trustedProxies == nil && p.failures == 0 && p.interval == 0
}

// faults returns what is wrong with the policy's options, under the name of
// their struct.
func (p loginPolicy) faults(options string) (faults []regtoken.FieldError) {
	for i, prefix := range p.trustedProxies {
		if !prefix.IsValid() || prefix.Addr().Is4In6() {
			faults = append(faults, regtoken.FieldError{
				Field: fmt.Sprintf("%s.TrustedProxies[%d]", options, i),
				Rule:  "must be a valid prefix of IPv4 or IPv6, not of IPv4 mapped into IPv6",
			})
		}
	}
	if p.failures < 0 {
		faults = append(faults, regtoken.FieldError{Field: options + ".FailedLogins", Rule: "must not be negative"})
	}
	if p.interval < 0 {
		faults = append(faults, regtoken.FieldError{Field: options + ".FailedLoginInterval", Rule: "must not be negative"})
	}
	return faults
}

// logins is where clients log in: what a guard and its token server share, so
// that an address has one allowance of failures for both.
type logins struct {
	peers *peers
	limit *loginLimit
}

func newLogins(p loginPolicy, now func() time.Time) (*logins, error) {
	if p.failures == 0 {
		p.failures = defaultFailedLogins
	}
	if p.interval == 0 {
		p.interval = defaultFailedLoginInterval
	}
	limit, err := newLoginLimit(now, p.failures, p.interval)
	if err != nil {
		return nil, err
	}
	return &logins{newPeers(p.trustedProxies), limit}, nil
}

// arrive returns the address of a request's client, and the context to go on
// with, in which that is the actor unless there is one.
func (l *logins) arrive(r *http.Request) (context.Context, netip.Addr) {
	ctx := r.Context()
	address, text := l.peers.addressOf(r)
	if text != "" && regtoken.ActorFrom(ctx) == "" {
		ctx = regtoken.WithActor(ctx, text)
	}
	return ctx, address
}

// authenticate logs in, unless the address has to wait: a tooManyError.
func (l *logins) authenticate(ctx context.Context, m *regtoken.Manager, address netip.Addr, login regtoken.Login) (regtoken.Grant, error) {
	if wait := l.limit.wait(address); wait > 0 {
		m.Report(ctx, regtoken.Event{
			Operation: regtoken.OpAuthenticate, Outcome: regtoken.Denied,
			TokenName: login.Name, Reason: ReasonTooManyFailures,
		})
		return regtoken.Grant{}, tooManyError(wait)
	}
	grant, err := m.Authenticate(ctx, login)
	if errors.Is(err, regtoken.ErrUnauthenticated) {
		l.limit.failed(address)
	}
	if err != nil {
		return regtoken.Grant{}, err
	}
	return *grant, nil
}

// basicLogin returns the credentials of a request with exactly one
// Authorization header, of the scheme Basic. What is no login at all is not
// counted as a failed one: clients begin with a request without credentials,
// to see the challenge.
func basicLogin(r *http.Request) (regtoken.Login, bool) {
	encoded, ok := credentials(r, "Basic")
	if !ok {
		return regtoken.Login{}, false
	}
	var buffer [128]byte // the longest name and an ordinary secret fit
	decoded, err := base64.StdEncoding.AppendDecode(buffer[:0], []byte(encoded))
	name, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return regtoken.Login{}, false
	}
	return regtoken.Login{Name: name, Password: regtoken.NewPassword(password)}, true
}

// credentials returns what the request's one Authorization header has behind
// the name of the scheme. A header that is too long has none.
func credentials(r *http.Request, scheme string) (string, bool) {
	values := r.Header["Authorization"]
	if len(values) != 1 || len(values[0]) > maxAuthorization {
		return "", false
	}
	name, rest, ok := strings.Cut(values[0], " ")
	return rest, ok && strings.EqualFold(name, scheme)
}
