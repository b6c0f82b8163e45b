package regtoken

import (
	"cmp"
	"time"

	"github.com/regtoken/regtoken/store"
)

// Options configure a [Manager]. The zero value holds the defaults.
type Options struct {
	// Now is the Manager's only clock; nil is [time.Now]. A test of expiry
	// moves it. The clock is the truth: a token is gone when it says so. It is
	// called from many goroutines at once.
	Now func() time.Time

	// MinLifetime is how far ahead an expiry must lie when it is set. Zero is
	// one hour. To allow any instant ahead of now, set one nanosecond.
	MinLifetime time.Duration

	// SecretPrefix begins every new secret; it must match
	// [a-z][a-z0-9]{1,15}. "" is "rgt". Secrets made with another prefix stay
	// good.
	SecretPrefix string

	// RemovalGrace is how long after its expiry a token's record is left in
	// the store before it is swept. It delays the removal, never the instant
	// at which the token is gone, and helps where clocks may err. It does not
	// keep a record whose name is given to a new token. Zero is none.
	RemovalGrace time.Duration

	// MaxStaleness is how long after its acknowledgement a change made by
	// another process (a revocation, say) may at most go unnoticed by
	// [Manager.Authenticate], whatever fails meanwhile. Zero is two seconds. It
	// matters only while [Manager.Run] runs: without it, and while it cannot
	// be sure, each call asks the store. Changes made through this Manager are
	// noticed at once.
	MaxStaleness time.Duration

	// PollInterval is how often Run asks the store what has changed; shorter
	// than MaxStaleness. Zero is a quarter of that. Some stores also tell Run
	// that there is something new, but nothing rests on it.
	PollInterval time.Duration

	// CacheSize is the most tokens that are kept in memory; large ones count
	// as several (one for each 4 KiB of their record), and those not asked for
	// lately go first. One takes some 160 bytes, and its scopes more if no
	// other token has the same. Zero is 100,000; negative: none are kept, and
	// each Authenticate asks the store.
	//
	// Those that this Manager writes are kept as well while Run runs, as far as
	// there is room. A change of a token that is kept, and fresh, is one call of
	// the store: conditional on what is kept, which refuses nothing by itself.
	// Of any other it is two, since it is read first.
	CacheSize int

	// StoreTimeout is the longest that Authenticate waits for the store before
	// it answers [ErrUnavailable]. Zero is five seconds.
	StoreTimeout time.Duration

	// Observers are told of every change and every decision, in this order.
	Observers []Observer
}

const (
	defaultMinLifetime  = time.Hour
	defaultSecretPrefix = "rgt"
	defaultMaxStaleness = 2 * time.Second
	defaultCacheSize    = 100_000
	defaultStoreTimeout = 5 * time.Second
)

// A Manager manages the tokens of one registry: it is a view of a store, and
// [Manager.Registry] gives the views of others. It is safe for concurrent use,
// and holds nothing that has to be closed; the store is the caller's to close,
// once no call is under way.
// Make one with [NewManager]; the zero Manager cannot be used.
type Manager struct {
	*shared
	registry string
	isValid  bool // whether registry can be one's name
}

// shared is what all views of one Manager have in common.
type shared struct {
	store   store.Store
	options Options

	live     *live    // what logins are judged by
	sweepers sweepers // the calls of Run under way
}

// NewManager returns a Manager of the tokens in s, looking at the default
// registry, "". With nil options all defaults hold; the options are copied. It
// starts nothing and asks the store nothing. Errors: [ErrInvalid] for a nil
// store, a SecretPrefix of another form, a negative duration, a PollInterval
// that is not shorter than MaxStaleness, or a nil observer.
func NewManager(s store.Store, opts *Options) (*Manager, error) {
	var o Options
	if opts != nil {
		o = *opts
		o.Observers = append([]Observer(nil), opts.Observers...)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MinLifetime = cmp.Or(o.MinLifetime, defaultMinLifetime)
	o.SecretPrefix = cmp.Or(o.SecretPrefix, defaultSecretPrefix)
	o.MaxStaleness = cmp.Or(o.MaxStaleness, defaultMaxStaleness)
	o.PollInterval = cmp.Or(o.PollInterval, o.MaxStaleness/4)
	o.CacheSize = cmp.Or(o.CacheSize, defaultCacheSize)
	o.StoreTimeout = cmp.Or(o.StoreTimeout, defaultStoreTimeout)
	var v validation
	if s == nil {
		v.fault("store", "must not be nil")
	}
	v.options(o)
	if err := v.err(); err != nil {
		return nil, err
	}
	return (&Manager{shared: &shared{store: s, options: o, live: newLive(s, o)}}).Registry(""), nil
}

// Registry returns the same Manager looking at the registry of this name: ""
// for the default one, else a name by the rules of token names. It is cheap
// and asks the store nothing; a registry needs no creating. With any other name,
// every call on the view that concerns a token returns [ErrInvalid] (field
// "registry").
//
// A view sees no other registry's tokens, not even by ID. [Manager.Run] and
// [Manager.Sweep] serve the whole store from any view.
func (m *Manager) Registry(name string) *Manager {
	return &Manager{shared: m.shared, registry: name, isValid: name == "" || isTokenName(name)}
}

// validation begins the validation of an input with that of the view itself.
func (m *Manager) validation() validation {
	var v validation
	if m.registry != "" {
		v.name("registry", m.registry)
	}
	return v
}

// now reads the clock, without its monotonic part: an instant is compared with
// what a store kept.
func (s *shared) now() time.Time { return s.options.Now().Round(0).UTC() }

// hasPassed reports whether an expiry in milliseconds has come. It leaves the
// clock alone if it never will.
func (s *shared) hasPassed(expiry int64) bool {
	return expiry != never && s.now().UnixMilli() >= expiry
}
