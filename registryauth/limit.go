package registryauth

import (
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxLimited bounds the addresses that are remembered, and with it the memory:
// some 20 MB. Past it the one not heard of for longest is forgotten.
const maxLimited = 1 << 16

// A loginLimit counts failed logins by address: a bucket for each, which is
// full at first, loses one with each failure and is refilled at a steady rate.
// A login is counted when it has failed, so those under way at once may all
// fail: what they cost is bounded by what the server takes on at once.
type loginLimit struct {
	now      func() time.Time
	burst    int
	interval time.Duration
	buckets  *lru.Cache[netip.Addr, *rate.Limiter]

	// until is an instant from which on no address has to wait; nil if none
	// ever had to. It only moves on. Up to it each login looks for its bucket.
	until atomic.Pointer[time.Time]
}

func newLoginLimit(now func() time.Time, burst int, interval time.Duration) (*loginLimit, error) {
	buckets, err := lru.New[netip.Addr, *rate.Limiter](maxLimited)
	return &loginLimit{now: now, burst: burst, interval: interval, buckets: buckets}, err
}

// wait returns how long the address has to wait before it may log in.
func (l *loginLimit) wait(address netip.Addr) time.Duration {
	until := l.until.Load()
	if until == nil {
		return 0
	}
	now := l.now()
	if now.After(*until) {
		return 0
	}
	bucket, ok := l.buckets.Get(network(address))
	if !ok {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing*float64(l.interval)), 1)
}

// failed counts a failed login of the address.
func (l *loginLimit) failed(address netip.Addr) {
	key := network(address)
	bucket, ok := l.buckets.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.interval), l.burst)
		if first, there, _ := l.buckets.PeekOrAdd(key, bucket); there {
			bucket = first
		}
	}
	now := l.now()
	bucket.AllowN(now, 1)
	if bucket.TokensAt(now) < 1 {
		l.waitUntil(now.Add(l.interval).Add(l.interval)) // after the first it has one again
	}
}

// waitUntil moves until on. Where a clock was set back, it stays.
func (l *loginLimit) waitUntil(t time.Time) {
	for {
		until := l.until.Load()
		if until != nil && !t.After(*until) || l.until.CompareAndSwap(until, &t) {
			return
		}
	}
}

// network returns what counts as one address: of IPv6 the /64, the least that
// one client is given. Peers without an IP address are one together.
func network(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	return netip.PrefixFrom(address, 64).Masked().Addr()
}
