package registryauth

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// The bounds of the peers that are remembered, and with them of the memory:
// some 200 KB. A longer text is read each time; past the number, one takes
// another's place.
const (
	maxPeers  = 1 << 10
	maxRemote = 64
)

// peers tells the addresses that requests come from. It remembers what it read
// from RemoteAddr: a connection has one, for all its requests.
type peers struct {
	trusted []netip.Prefix
	seed    maphash.Seed
	known   [maxPeers]atomic.Pointer[peer] // by the hash of remote
}

// A peer is who a RemoteAddr names. It is not changed once made.
type peer struct {
	remote  string
	address netip.Addr // the zero Addr: without an IP address
	text    string     // the address; "" for none
}

func newPeers(trusted []netip.Prefix) *peers {
	return &peers{trusted: slices.Clone(trusted), seed: maphash.MakeSeed()}
}

// addressOf returns the address of the client behind a request, and as text:
// that of its direct peer, or, as long as that is a trusted proxy, the one
// before it by X-Forwarded-For, which each proxy adds to on the right. What
// stands left of an address that is not trusted, or of what is no address,
// anyone may have written. The zero Addr and "" stand for a peer without an IP
// address.
func (p *peers) addressOf(r *http.Request) (netip.Addr, string) {
	direct := p.direct(r.RemoteAddr)
	if !p.trusts(direct.address) {
		return direct.address, direct.text
	}
	address := direct.address
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		address = before
		if !p.trusts(address) {
			break
		}
	}
	return address, address.String()
}

// direct returns the peer that a RemoteAddr names.
func (p *peers) direct(remote string) *peer {
	if len(remote) > maxRemote {
		return readPeer(remote)
	}
	place := &p.known[maphash.String(p.seed, remote)%maxPeers]
	if known := place.Load(); known != nil && known.remote == remote {
		return known
	}
	read := readPeer(strings.Clone(remote)) // of its own: it may be a piece of a header
	place.Store(read)
	return read
}

func readPeer(remote string) *peer {
	direct, err := netip.ParseAddrPort(remote)
	if err != nil {
		return &peer{remote: remote}
	}
	address := plain(direct.Addr())
	return &peer{remote, address, address.String()}
}

func (p *peers) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

// parseHop reads an element of X-Forwarded-For; some proxies add the port.
func parseHop(text string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(text); err == nil {
		return plain(address), true
	}
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), true
	}
	return netip.Addr{}, false
}

// plain returns the one form of an address that is compared and counted.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
