package registryauth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// peers tells the addresses that requests come from.
type peers struct {
	trusted []netip.Prefix
}

// addressOf returns the address of the client behind a request: its direct
// peer, or, as long as that is a trusted proxy, the one before it by
// X-Forwarded-For, which each proxy adds to on the right. What stands left of
// an address that is not trusted, or of what is no address, anyone may have
// written. The zero Addr stands for a peer without an IP address.
func (p peers) addressOf(r *http.Request) netip.Addr {
	direct, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := plain(direct.Addr())
	if !p.trusts(address) {
		return address
	}
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
	return address
}

func (p peers) trusts(address netip.Addr) bool {
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
