package frontend

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/regtoken/regtoken/benchmarks/frontend/load"
)

const (
	manyConnections = 8
	maxTTL          = 24 * time.Hour // no JWT ends while it is measured
	anyLength       = -1             // see [load.Order]
)

func BenchmarkThroughput(b *testing.B) { guarded(b, manyConnections) }

func BenchmarkLatency(b *testing.B) { guarded(b, 1, "manifest", "layer-64KiB") }

// guarded compares each registry, bare, with itself behind the guard. No names
// are all requests.
func guarded(b *testing.B, connections int, names ...string) {
	process := startLoad(b)
	for _, s := range softwares {
		b.Run(s.name, func(b *testing.B) {
			registry := s.start(b)
			keeper := newKeeper(b, true)
			bare := keeper.bare(b, registry)
			byBasic, byBearer := keeper.guarded(b, registry)
			requests := push(b, bare.url[len("http://"):])
			if names != nil {
				requests = named(requests, names...)
			}
			bareSentBearer := arrangement{name: "bare-sent-bearer", url: bare.url, authorization: byBearer.authorization, open: true}
			compareAll(b, process, connections, requests, bare, bareSentBearer, byBasic, byBearer)
		})
	}
}

func compareAll(b *testing.B, process *load.Process, connections int, requests []request, arrangements ...arrangement) {
	for _, r := range requests {
		for _, a := range arrangements {
			a.check(b, r)
		}
		b.Run(r.name, func(b *testing.B) { compare(b, process, connections, r, arrangements) })
	}
}

// Distribution with passwords in a file of bcrypt hashes: at cost 5, as the
// command in its documentation makes them, and at cost 10, as it makes them
// itself where there is no file.
func BenchmarkHtpasswd(b *testing.B) {
	folder := b.TempDir()
	registry := startDistribution(b, folder, nil)
	keeper := newKeeper(b, true)
	bare := keeper.bare(b, registry)
	byBasic, _ := keeper.guarded(b, registry)
	arrangements := []arrangement{bare, byBasic}
	for _, cost := range []int{5, bcrypt.DefaultCost} {
		own := b.TempDir()
		hash, err := bcrypt.GenerateFromPassword([]byte("testpassword"), cost)
		require.NoError(b, err)
		require.NoError(b, os.WriteFile(filepath.Join(own, "htpasswd"), append([]byte("robot:"), hash...), 0o600))
		name := fmt.Sprintf("htpasswd-cost%d", cost)
		arrangements = append(arrangements, arrangement{
			name:          name,
			url:           serve(b, name, startDistribution(b, folder, htpasswd(own))),
			authorization: basic("robot", "testpassword"),
		})
	}
	requests := named(push(b, bare.url[len("http://"):]), "manifest")
	compareAll(b, startLoad(b), manyConnections, requests, arrangements...)
}

// What docker asks of a token server before it pulls. Tokens are signed with
// Ed25519, which is all that the library offers.
func BenchmarkExchange(b *testing.B) {
	arrangements := make([]arrangement, 2)
	for i, name := range []string{"kept", "read"} {
		keeper := newKeeper(b, name == "kept")
		arrangements[i] = arrangement{name: name, url: serve(b, name, keeper.tokenServer(b)), authorization: keeper.basic()}
		got := ask(b, http.MethodGet, arrangements[i].url+exchangePath, keeper.basic())
		require.Equal(b, http.StatusOK, got.status)
		require.Contains(b, string(got.body), `"token":"`)
		require.Equal(b, http.StatusUnauthorized, ask(b, http.MethodGet, arrangements[i].url+exchangePath, "").status)
	}
	compare(b, startLoad(b), manyConnections, request{method: http.MethodGet, path: exchangePath, length: anyLength}, arrangements)
}

// What there is to lose: a server that does nothing but answer.
func BenchmarkCeiling(b *testing.B) {
	process := startLoad(b)
	for _, size := range []int{1 << 10, smallLayer, largeLayer} {
		content := make([]byte, size)
		name := fmt.Sprintf("%dKiB", size>>10)
		url := serve(b, name, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(content) // it fails if the client is gone, which it would tell
		}))
		compare(b, process, manyConnections, request{method: http.MethodGet, path: "/", length: size},
			[]arrangement{{name: name, url: url}})
	}
}
