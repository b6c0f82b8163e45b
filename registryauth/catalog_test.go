package registryauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

func (w *world) catalog(target string, login regtoken.Login) (names []string, next string) {
	w.t.Helper()
	answer := w.do("GET", target, login)
	require.Equal(w.t, http.StatusOK, answer.Code, answer.Body.String())
	require.Equal(w.t, "application/json", answer.Header().Get("Content-Type"))
	require.Equal(w.t, strconv.Itoa(answer.Body.Len()), answer.Header().Get("Content-Length"))
	var body map[string][]string
	require.NoError(w.t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.NotNil(w.t, body["repositories"], "an empty listing is [], not null")
	require.Len(w.t, body, 1)
	if link := answer.Header().Get("Link"); link != "" {
		var ok bool
		next, ok = strings.CutSuffix(link, `>; rel="next"`)
		require.True(w.t, ok, link)
		next, ok = strings.CutPrefix(next, "<")
		require.True(w.t, ok, link)
	}
	return body["repositories"], next
}

// checkPagination reads a listing page by page: every name that shows says to
// be shown comes exactly once, and nothing else does, links included.
func checkPagination(t *testing.T, w *world, login regtoken.Login, names []string, n int, shows func(string) bool) {
	t.Helper()
	want := []string{}
	for _, name := range names {
		if shows(name) {
			want = append(want, name)
		}
	}
	got := []string{}
	target := "/v2/_catalog?n=" + strconv.Itoa(n)
	for target != "" {
		page, next := w.catalog(target, login)
		got = append(got, page...)
		require.LessOrEqual(t, len(got), len(want))
		if next != "" {
			require.Len(t, page, n, "a page that another follows is full")
			u, err := url.Parse(next)
			require.NoError(t, err)
			require.Equal(t, "/v2/_catalog", u.Path)
			require.Equal(t, url.Values{"n": {strconv.Itoa(n)}, "last": {page[n-1]}}, u.Query())
		}
		target = next
	}
	require.ElementsMatch(t, want, got)
	slices.Sort(got)
	require.Equal(t, slices.Compact(slices.Clone(got)), got)
}

func TestCatalogOfEveryManner(t *testing.T) {
	names := []string{
		"team", "team/0", "team/0/x", "team/0/y", "team/a", "team/a/b", "team/a-b", "team/a.b", "team/b",
		"team-evil", "team-evil/a", "other", "other/team/a", "0", "a", "a/0", "a/0/x", "a-b", "a.b", "a_b", "a/b", "a0", "zz",
		strings.Repeat("z", 255),
	}
	shows := func(name string) bool { return strings.HasPrefix(name, "team/") || strings.HasPrefix(name, "a") }
	for _, pageSize := range []int{1, 2, 3, 7, 100} {
		for manner, stub := range manners(names, pageSize) {
			t.Run(fmt.Sprintf("%s, %d", manner, pageSize), func(t *testing.T) {
				w := newWorld(t, nil)
				login := w.login("robot", "registry:team/*:list", "registry:a*:list", "repository:other:pull")
				w.answer = stub.ServeHTTP
				for n := 1; n <= len(names)+1; n++ {
					checkPagination(t, w, login, names, n, shows)
				}
			})
		}
	}
}

func FuzzCatalog(f *testing.F) {
	for manner := range uint8(13) {
		f.Add(uint64(manner), manner, uint8(30), uint8(4), uint8(3))
	}
	f.Add(uint64(99), uint8(1), uint8(200), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, manner, count, pageSize, n uint8) {
		random := rand.New(rand.NewPCG(seed, 0))
		words := []string{"a", "b", "0", "team", "a-b", "a.b", "a_b", "manifests", "z"}
		name := func() string {
			parts := make([]string, 1+random.IntN(4))
			for i := range parts {
				parts[i] = words[random.IntN(len(words))]
			}
			return strings.Join(parts, "/")
		}
		set := map[string]bool{}
		for range count {
			set[name()] = true
		}
		names := []string{}
		for name := range set {
			names = append(names, name)
		}
		prefix, exact := name(), name()

		w := newWorld(t, nil)
		login := w.login("robot", "registry:"+prefix+"*:list", "registry:"+exact+":list", "repository:*:pull")
		all := manners(names, 1+int(pageSize)%50)
		kinds := make([]string, 0, len(all))
		for kind := range all {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		w.answer = all[kinds[int(manner)%len(kinds)]].ServeHTTP
		checkPagination(t, w, login, names, 1+int(n)%50, func(name string) bool {
			return strings.HasPrefix(name, prefix) || name == exact
		})
	})
}

func TestCatalogNeedsARegistryScope(t *testing.T) {
	w := newWorld(t, nil)
	w.answer = catalogStub{names: []string{"app"}, order: byBytes}.ServeHTTP
	requireRefusal(t, w.do("GET", "/v2/_catalog"), http.StatusUnauthorized, "UNAUTHORIZED")
	requireRefusal(t, w.do("GET", "/v2/_catalog", w.login("none")), http.StatusForbidden, "DENIED")
	requireRefusal(t, w.do("GET", "/v2/_catalog", w.login("pull", "repository:*:pull,push,admin")), http.StatusForbidden, "DENIED")
	require.Empty(t, w.passed)

	names, next := w.catalog("/v2/_catalog", w.login("elsewhere", "registry:other:list"))
	require.Empty(t, names)
	require.Empty(t, next)
	names, next = w.catalog("/v2/_catalog", w.login("lister", "registry:*:list"))
	require.Equal(t, []string{"app"}, names)
	require.Empty(t, next)
}

func TestCatalogShowsNothingInvalid(t *testing.T) {
	w := newWorld(t, nil)
	w.answer = func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"repositories":["App","a//b","","../x","ok","a b","ok","*"],"more":1}`)
	}
	names, next := w.catalog("/v2/_catalog", w.login("lister", "registry:*:list"))
	require.Equal(t, []string{"ok"}, names)
	require.Empty(t, next)
}

func TestCatalogParameters(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("lister", "registry:*:list")
	w.answer = catalogStub{names: []string{"a", "b", "c"}, order: byBytes, pageSize: 2, links: true}.ServeHTTP
	for _, query := range []string{"n=-1", "n=x", "n=", "n=1.5", "n=+1", "n=0x10", "n=1&n=2", "n=%201", "n=1e3", "n=１"} {
		requireRefusal(t, w.do("GET", "/v2/_catalog?"+query, login), http.StatusBadRequest, "PAGINATION_NUMBER_INVALID")
	}
	for _, query := range []string{"last=..%2Fx", "last=A", "last=a&last=b", "last=%00", "last=" + strings.Repeat("a", 256)} {
		requireRefusal(t, w.do("GET", "/v2/_catalog?"+query, login), http.StatusBadRequest, "NAME_INVALID")
	}
	require.Empty(t, w.passed)

	names, next := w.catalog("/v2/_catalog?n=0", login)
	require.Empty(t, names)
	require.Empty(t, next)
	require.Empty(t, w.passed)
	for _, query := range []string{"", "?last=", "?n=3", "?n=9999999", "?n=99999999999999999999999", "?n=003", "?foo=bar"} {
		names, next = w.catalog("/v2/_catalog"+query, login)
		require.Equal(t, []string{"a", "b", "c"}, names, query)
		require.Empty(t, next)
	}
	names, _ = w.catalog("/v2/_catalog?last=b", login)
	require.Equal(t, []string{"c"}, names)
	names, _ = w.catalog("/v2/_catalog?last=bb", login)
	require.Equal(t, []string{"c"}, names, "last need not exist")
}

func TestCatalogAtMostTenThousandAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("lister", "registry:*:list")
	names := make([]string, 10_003)
	for i := range names {
		names[i] = fmt.Sprintf("r%05d", i)
	}
	w.answer = catalogStub{names: names, order: byBytes, pageSize: 5000, links: true}.ServeHTTP
	for _, query := range []string{"", "?n=20000"} {
		page, next := w.catalog("/v2/_catalog"+query, login)
		require.Equal(t, names[:10_000], page)
		require.Equal(t, "/v2/_catalog?last=r09999&n=10000", next)
		page, next = w.catalog(next, login)
		require.Equal(t, names[10_000:], page)
		require.Empty(t, next)
	}
}

// A registry that goes on behind a name is not asked for more than it takes.
func TestCatalogAsksForLittle(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("lister", "registry:*:list")
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("r%03d", i)
	}
	w.answer = catalogStub{names: names, order: byWalk, pageSize: 10, links: true}.ServeHTTP
	page, _ := w.catalog("/v2/_catalog?n=10&last=r499", login)
	require.Equal(t, names[500:510], page)
	require.Len(t, w.passed, 3, "one to see how it pages, one page, and one name more")
}

func TestCatalogSubRequests(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("lister", "registry:*:list")
	w.answer = func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Empty(t, body)
		assert.Equal(t, "lister's address", regtoken.ActorFrom(r.Context()))
		rw.WriteHeader(http.StatusEarlyHints)
		catalogStub{names: []string{"a", "b"}, order: byBytes, pageSize: 1, links: true}.ServeHTTP(rw, r)
	}
	r := httptest.NewRequest(http.MethodGet, "http://other.example/v2/_catalog?n=5", strings.NewReader("body"))
	r = r.WithContext(regtoken.WithActor(r.Context(), "lister's address"))
	r.SetBasicAuth(login.Name, login.Password.Reveal())
	for _, name := range []string{"Accept-Encoding", "If-None-Match", "Range", "Proxy-Authorization", "X-Http-Method-Override", "Cookie"} {
		r.Header.Set(name, "x")
	}
	require.Equal(t, http.StatusOK, w.serve(r).Code)
	require.NotEmpty(t, w.passed)
	for _, sub := range w.passed {
		require.Equal(t, http.Header{"Accept": {"application/json"}}, sub.Header)
		require.Equal(t, "GET", sub.Method)
		require.Equal(t, "/v2/_catalog", sub.URL.Path)
		require.Equal(t, sub.URL.String(), sub.RequestURI)
		require.Equal(t, "other.example", sub.Host)
		require.Zero(t, sub.ContentLength)
	}
}

func TestCatalogTellsNoObserverOfNames(t *testing.T) {
	w := newWorld(t, nil)
	login := w.login("lister", "registry:team/*:list")
	w.answer = catalogStub{names: []string{"a", "team/b"}, order: byBytes}.ServeHTTP
	w.events = nil
	w.catalog("/v2/_catalog", login)
	require.Len(t, w.events, 2)
	require.Equal(t, regtoken.OpAuthenticate, w.events[0].Operation)
	require.Equal(t, regtoken.List, w.events[1].Action)
	require.Empty(t, w.events[1].Path, "of the listing as a whole")
}

func TestCatalogOfARegistryThatFails(t *testing.T) {
	for _, c := range []struct {
		status, want int
		code         string
	}{
		{http.StatusNotFound, http.StatusNotFound, "NAME_UNKNOWN"},
		{http.StatusInternalServerError, http.StatusInternalServerError, "UNKNOWN"},
		{http.StatusBadGateway, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusServiceUnavailable, http.StatusServiceUnavailable, "UNAVAILABLE"},
		{http.StatusUnauthorized, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusForbidden, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusBadRequest, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusMethodNotAllowed, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusFound, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusNoContent, http.StatusBadGateway, "UNKNOWN"},
		{http.StatusPartialContent, http.StatusBadGateway, "UNKNOWN"},
		{999, http.StatusBadGateway, "UNKNOWN"},
	} {
		w := newWorld(t, nil)
		w.answer = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WWW-Authenticate", "Basic")
			rw.Header().Set("Link", `</v2/_catalog?last=hidden>; rel="next"`)
			rw.WriteHeader(c.status)
			_, _ = io.WriteString(rw, `{"repositories":["hidden"]}`)
		}
		answer := w.do("GET", "/v2/_catalog", w.login("lister", "registry:*:list"))
		require.NotContains(t, answer.Body.String(), "hidden")
		require.Empty(t, answer.Header().Get("Link"))
		requireRefusal(t, answer, c.want, c.code)
	}

	w := newWorld(t, nil)
	w.answer = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTooManyRequests) }
	answer := w.do("GET", "/v2/_catalog", w.login("lister", "registry:*:list"))
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.Contains(t, answer.Body.String(), "TOOMANYREQUESTS")
}

func TestCatalogOfARegistryThatMisbehaves(t *testing.T) {
	endless := 0
	for name, answer := range map[string]http.HandlerFunc{
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"nothing":       func(http.ResponseWriter, *http.Request) {},
		"cut off":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"repositories":["a"`) },
		"another shape": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"repositories":{"a":1}}`) },
		"links to itself": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</v2/_catalog?page=2>; rel="next"`)
			_, _ = io.WriteString(w, `{"repositories":["a"]}`)
		},
		"links in a circle": func(w http.ResponseWriter, r *http.Request) {
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?page=%d>; rel="next"`, (page+1)%4))
			_, _ = fmt.Fprintf(w, `{"repositories":["a%d"]}`, page)
		},
		"links on without names": func(w http.ResponseWriter, r *http.Request) {
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?page=%d>; rel="next"`, page+1))
			_, _ = io.WriteString(w, `{"repositories":null}`)
		},
		"links on with the same names": func(w http.ResponseWriter, r *http.Request) {
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?page=%d>; rel="next"`, page+1))
			_, _ = io.WriteString(w, `{"repositories":["a","b"]}`)
		},
		"a link that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</v2/_catalog?page=2; rel="next"`)
			_, _ = io.WriteString(w, `{"repositories":["a"]}`)
		},
		"a link without a query": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</v2/_catalog>; rel="next"`)
			_, _ = io.WriteString(w, `{"repositories":["a"]}`)
		},
		"a link that does not parse": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `<%zz?last=a>; rel="next"`)
			_, _ = io.WriteString(w, `{"repositories":["a"]}`)
		},
		"a page without end": func(w http.ResponseWriter, _ *http.Request) {
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					break
				}
			}
			_, _ = io.WriteString(w, `{"repositories":["a"]}`)
		},
		"names without end": func(w http.ResponseWriter, _ *http.Request) {
			names := make([]string, 100_000)
			for i := range names {
				endless++
				names[i] = "hidden" + strconv.Itoa(endless)
			}
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?page=%d>; rel="next"`, endless))
			_ = json.NewEncoder(w).Encode(map[string]any{"repositories": names})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.answer = answer
			got := w.do("GET", "/v2/_catalog?n=1", w.login("lister", "registry:no-such:list"))
			require.Empty(t, got.Header().Get("Link"))
			requireRefusal(t, got, http.StatusBadGateway, "UNKNOWN")
			require.Less(t, len(w.passed), 30)
		})
	}
}

func TestCatalogLinks(t *testing.T) {
	for link, follows := range map[string]bool{
		`</v2/_catalog?page=2>; rel="next"`:                                     true,
		`</v2/_catalog?page=2>;rel=next`:                                        true,
		`<?page=2>; REL="NEXT"`:                                                 true,
		`<https://other.example:99/x/y?page=2>; title="a"; rel="last next"`:     true,
		`</v2/_catalog?page=1>; rel="first", </v2/_catalog?page=2>; rel="next"`: true,
		`</v2/_catalog?page=2>; rel="next", </v2/_catalog?page=9>; rel="last"`:  true,
		`</v2/_catalog?page=1>; rel="prev"`:                                     false,
		`</v2/_catalog?page=2>`:                                                 false,
		`</v2/_catalog?page=2>; title="next"`:                                   false,
		`nothing`:                                                               false,
	} {
		w := newWorld(t, nil)
		w.answer = func(rw http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Query().Has("last"):
				_, _ = io.WriteString(rw, `{"repositories":[]}`)
			case r.URL.RawQuery == "page=2":
				_, _ = io.WriteString(rw, `{"repositories":["b"]}`)
			default:
				assert.Empty(t, r.URL.RawQuery)
				rw.Header().Set("Link", link)
				_, _ = io.WriteString(rw, `{"repositories":["a"]}`)
			}
		}
		names, _ := w.catalog("/v2/_catalog", w.login("lister", "registry:*:list"))
		want := []string{"a"}
		if follows {
			want = append(want, "b")
		}
		require.Equal(t, want, names, link)
	}
}
