// Package network is what stands between the processes of a proof and their
// servers: proxies that do to connections what networks do.
package network

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// A Route is the way of one process to its servers: a proxy before each.
type Route struct{ proxies []*toxiproxy.Proxy }

// New returns a sound route to servers at host:port. It ends with the test.
func New(tb testing.TB, servers ...string) *Route {
	tb.Helper()
	r := &Route{}
	for _, server := range servers {
		proxy, err := start(server)
		require.NoError(tb, err)
		tb.Cleanup(proxy.Stop)
		r.proxies = append(r.proxies, proxy)
	}
	return r
}

// start starts a proxy on a port below those that systems hand out by
// themselves: none of these takes it while the proxy is cut.
func start(server string) (proxy *toxiproxy.Proxy, err error) {
	for range 100 {
		proxy = toxiproxy.NewProxy(
			toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
			server, fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)), server)
		if err = proxy.Start(); err == nil {
			return proxy, nil
		}
	}
	return nil, err
}

// Addrs are where the process finds its servers, in their order.
func (r *Route) Addrs() (addrs []string) {
	for _, proxy := range r.proxies {
		addrs = append(addrs, proxy.Listen)
	}
	return addrs
}

// A Direction is one of the two of a connection.
type Direction string

// The directions.
const (
	Requests Direction = "upstream"
	Answers  Direction = "downstream"
)

// A Toxic is what toxiproxy does to the data on their way.
type Toxic struct {
	Type       string           `json:"type"` // as toxiproxy names it: "latency", say
	Stream     Direction        `json:"stream"`
	Toxicity   float64          `json:"toxicity"` // the share of connections, by chance
	Attributes map[string]int64 `json:"attributes,omitempty"`
}

// Poison adds a toxic to the ways to all servers.
func (r *Route) Poison(t Toxic) error {
	for server := range r.proxies {
		if err := r.PoisonOne(server, t); err != nil {
			return err
		}
	}
	return nil
}

// PoisonOne adds a toxic to the way to one server, by its place among Addrs.
func (r *Route) PoisonOne(server int, t Toxic) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = r.proxies[server].Toxics.AddToxicJson(strings.NewReader(string(text)))
	return err
}

// Redirect leads the way to the one server to another from now on. All
// connections break.
func (r *Route) Redirect(server string) error {
	proxy := r.proxies[0]
	return proxy.Update(&toxiproxy.Proxy{Listen: proxy.Listen, Upstream: server, Enabled: true})
}

// Cut breaks all connections, and refuses new ones.
func (r *Route) Cut() {
	for _, proxy := range r.proxies {
		proxy.Stop()
	}
}

// Mend ends all that was done to the route.
func (r *Route) Mend() error {
	for _, proxy := range r.proxies {
		proxy.Toxics.ResetToxics(context.Background())
		if proxy.Enabled {
			continue
		}
		if err := proxy.Start(); err != nil {
			return err
		}
	}
	return nil
}
