package registryauth_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// from sends GET /v2/ from a peer with these X-Forwarded-For headers.
func (w *world) from(peer string, login *regtoken.Login, forwarded ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	r.RemoteAddr = peer
	if forwarded != nil {
		r.Header["X-Forwarded-For"] = forwarded
	}
	if login != nil {
		r.SetBasicAuth(login.Name, login.Password.Reveal())
	}
	return w.serve(r)
}

func TestFailedLoginsAreLimited(t *testing.T) {
	w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 3, FailedLoginInterval: 10 * time.Second})
	good := w.login("robot")
	wrong := &regtoken.Login{Name: "robot", Password: regtoken.NewPassword("wrong")}
	const peer, other = "192.0.2.1:1000", "192.0.2.2:1000"

	for range 50 { // neither correct logins nor pings count
		require.Equal(t, http.StatusOK, w.from(peer, &good).Code)
		require.Equal(t, http.StatusUnauthorized, w.from(peer, nil).Code)
	}
	for range 3 {
		requireRefusal(t, w.from(peer, wrong), http.StatusUnauthorized, "UNAUTHORIZED")
	}

	asked := w.store.asked
	answer := w.from("192.0.2.1:2000", wrong) // the port does not matter
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
	requireRefusal(t, answer, http.StatusTooManyRequests, "TOOMANYREQUESTS")
	requireRefusal(t, w.from(peer, &good), http.StatusTooManyRequests, "TOOMANYREQUESTS")
	require.Equal(t, asked, w.store.asked, "the store is not asked")
	requireRefusal(t, w.from(peer, nil), http.StatusUnauthorized, "UNAUTHORIZED")
	require.Equal(t, http.StatusOK, w.from(other, &good).Code, "never by token")

	w.now = w.now.Add(9500 * time.Millisecond)
	require.Equal(t, "1", w.from(peer, &good).Header().Get("Retry-After"))
	w.now = w.now.Add(500 * time.Millisecond)
	require.Equal(t, http.StatusOK, w.from(peer, &good).Code)
	require.Equal(t, http.StatusUnauthorized, w.from(peer, wrong).Code)
	require.Equal(t, http.StatusTooManyRequests, w.from(peer, wrong).Code)

	w.now = w.now.Add(time.Hour)
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, w.from(peer, wrong).Code)
	}
	require.Equal(t, http.StatusTooManyRequests, w.from(peer, wrong).Code)
	w.now = w.now.Add(-time.Hour) // a clock that is set back frees nobody
	require.Equal(t, http.StatusTooManyRequests, w.from(peer, wrong).Code)
}

// Logins look for a limit only while an address may have to wait. Whatever the
// clock did meanwhile, and whoever came, none is overlooked.
func TestLimitIsNotOverlooked(t *testing.T) {
	const interval = 10 * time.Second
	const peer, other = "192.0.2.1:1000", "192.0.2.2:1000"
	wrong := &regtoken.Login{Name: "robot", Password: regtoken.NewPassword("wrong")}
	useUp := func(w *world, address string) {
		for range 3 {
			require.Equal(t, http.StatusUnauthorized, w.from(address, wrong).Code)
		}
	}
	limited := func(interval time.Duration) *world {
		w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 3, FailedLoginInterval: interval})
		useUp(w, peer)
		return w
	}
	for name, meanwhile := range map[string]func(w *world, good *regtoken.Login){
		"the clock was ahead": func(w *world, good *regtoken.Login) {
			w.now = w.now.Add(time.Hour)
			require.Equal(t, http.StatusOK, w.from(other, good).Code)
			w.now = w.now.Add(-time.Hour)
		},
		"the clock was set back, and another is limited": func(w *world, _ *regtoken.Login) {
			w.now = w.now.Add(-time.Hour)
			useUp(w, other)
			w.now = w.now.Add(5 * interval)
		},
		"another was limited, too": func(w *world, _ *regtoken.Login) {
			w.now = w.now.Add(interval / 2)
			useUp(w, other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := limited(interval)
			good := w.login("robot")
			meanwhile(w, &good)
			require.Equal(t, http.StatusTooManyRequests, w.from(peer, &good).Code)
		})
	}
	t.Run("for as long as can be", func(t *testing.T) {
		w := limited(math.MaxInt64)
		w.now = w.now.Add(24 * 365 * time.Hour)
		require.Equal(t, http.StatusTooManyRequests, w.from(peer, wrong).Code)
	})
}

func TestDefaultLimit(t *testing.T) {
	w := newWorld(t, nil)
	wrong := &regtoken.Login{Name: "nobody", Password: regtoken.NewPassword("wrong")}
	for range 20 {
		require.Equal(t, http.StatusUnauthorized, w.from("192.0.2.1:1", wrong).Code)
	}
	require.Equal(t, "3", w.from("192.0.2.1:1", wrong).Header().Get("Retry-After"))
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	wrong := &regtoken.Login{Name: "nobody", Password: regtoken.NewPassword("wrong")}
	for _, c := range []struct {
		first, second string
		same          bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:1:2:3]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::1%eth1]:1", true},
		{"", "@", true},
		{"@", "192.0.2.1", true}, // no port: no address of a peer
		{"@", "192.0.2.1:1", false},
	} {
		w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 1})
		require.Equal(t, http.StatusUnauthorized, w.from(c.first, wrong).Code)
		want := http.StatusUnauthorized
		if c.same {
			want = http.StatusTooManyRequests
		}
		require.Equal(t, want, w.from(c.second, wrong).Code, "%s, %s", c.first, c.second)
	}
}

func TestAddressBehindProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"}, // no proxy of ours
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"[2001:db8:1::5]:1", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		{"[2001:db8:1::5%eth0]:1", []string{"2001:db8:2::1%x"}, "2001:db8:2::1"},
		{"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1 ,\t10.2.2.2", "10.3.3.3"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"10.9.9.9, 10.2.2.2"}, "10.9.9.9"},
		{"10.0.0.1:1", []string{"198.51.100.1:5555"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"[2001:db8:2::1]:5555"}, "2001:db8:2::1"},
		{"10.0.0.1:1", []string{"198.51.100.1, junk"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"10.0.0.1:1", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, 198.51.100.1/24"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, 0x7f.1"}, "10.0.0.1"},
		{"@", []string{"198.51.100.1"}, ""},
		{"", nil, ""},
	} {
		w := newWorld(t, &registryauth.GuardOptions{TrustedProxies: trusted})
		w.from(c.peer, &regtoken.Login{Name: "nobody"}, c.forwarded...)
		require.Len(t, w.events, 1)
		require.Equal(t, c.want, w.events[0].Actor, "%s %q", c.peer, c.forwarded)
	}
}

// Addresses are remembered by how they were written, and some forgotten again.
func TestAddressesAreToldApart(t *testing.T) {
	w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 1 << 20})
	wrong := &regtoken.Login{Name: "nobody"}
	expect := func(peer, want string) {
		w.events = nil
		w.from(peer, wrong)
		require.Len(t, w.events, 1)
		require.Equal(t, want, w.events[0].Actor)
	}
	for range 2 {
		for i := range 3000 {
			host := fmt.Sprintf("10.0.%d.%d", i>>8, i&255)
			expect(host+":1", host)
			expect(host, "")
			expect("["+host+"]:1", "")
			expect("[::ffff:"+host+"]:1", host)
			expect(fmt.Sprintf("[2001:db8::%x%%%0100d]:1", i+1, i), fmt.Sprintf("2001:db8::%x", i+1))
		}
	}
}

func TestLimitBehindProxies(t *testing.T) {
	w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	wrong := &regtoken.Login{Name: "nobody"}
	const proxy = "10.0.0.1:1"
	require.Equal(t, http.StatusUnauthorized, w.from(proxy, wrong, "198.51.100.1").Code)
	require.Equal(t, http.StatusTooManyRequests, w.from(proxy, wrong, "203.0.113.5, 198.51.100.1").Code, "what the client wrote itself frees it of nothing")
	require.Equal(t, http.StatusUnauthorized, w.from(proxy, wrong, "198.51.100.2").Code)
}

// The limit forgets the addresses not heard of for longest, not the others.
func TestLimitIsBounded(t *testing.T) {
	w := newWorld(t, &registryauth.GuardOptions{FailedLogins: 1, FailedLoginInterval: time.Hour})
	w.answer = nil
	wrong := &regtoken.Login{Name: "nobody"}
	peer := func(i int) string { return fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255) }
	const enough = 1<<16 + 10
	for i := range enough {
		if code := w.from(peer(i), wrong).Code; code != http.StatusUnauthorized {
			require.Equal(t, http.StatusUnauthorized, code, strconv.Itoa(i))
		}
		w.events = nil
	}
	require.Equal(t, http.StatusTooManyRequests, w.from(peer(enough-1), wrong).Code)
	require.Equal(t, http.StatusTooManyRequests, w.from(peer(enough-1000), wrong).Code)
	require.Equal(t, http.StatusUnauthorized, w.from(peer(0), wrong).Code)
}
