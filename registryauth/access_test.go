package registryauth

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

const (
	sha256Digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	pushPull     = regtoken.Push | regtoken.Pull
)

func newRequest(method, target string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	return &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}}
}

// Every row of the table, and the words of the paths as parts of names.
func TestDemands(t *testing.T) {
	need := func(actions regtoken.Action, repositories ...string) []access {
		var accesses []access
		for _, r := range repositories {
			accesses = append(accesses, access{r, actions})
		}
		return accesses
	}
	for _, c := range []struct {
		method, target string
		want           []access
	}{
		{"GET", "/v2/", nil},
		{"HEAD", "/v2/", nil},
		{"GET", "/v2", nil},
		{"HEAD", "/v2", nil},
		{"GET", "/v2/?x=1", nil},
		{"GET", "/v2/_catalog", nil},
		{"GET", "/v2/_catalog?n=5&last=team%2Fapp", nil},

		{"GET", "/v2/app/manifests/latest", need(regtoken.Pull, "app")},
		{"GET", "/v2/app/manifests/latest?ns=docker.io", need(regtoken.Pull, "app")},
		{"HEAD", "/v2/team/app/manifests/V1.0_x-y", need(regtoken.Pull, "team/app")},
		{"GET", "/v2/app/manifests/_catalog", need(regtoken.Pull, "app")},
		{"GET", "/v2/app/manifests/" + sha256Digest, need(regtoken.Pull, "app")},
		{"PUT", "/v2/app/manifests/latest", need(pushPull, "app")},
		{"PUT", "/v2/app/manifests/" + sha256Digest, need(pushPull, "app")},
		{"DELETE", "/v2/app/manifests/latest", need(regtoken.Admin, "app")},
		{"DELETE", "/v2/app/manifests/" + sha256Digest, need(regtoken.Admin, "app")},

		{"GET", "/v2/app/blobs/" + sha256Digest, need(regtoken.Pull, "app")},
		{"HEAD", "/v2/app/blobs/" + sha256Digest, need(regtoken.Pull, "app")},
		{"DELETE", "/v2/app/blobs/" + sha256Digest, need(regtoken.Admin, "app")},
		{"GET", "/v2/app/blobs/a1+b.c_d-e:Ab=_-", need(regtoken.Pull, "app")},

		{"GET", "/v2/app/tags/list", need(regtoken.Pull, "app")},
		{"GET", "/v2/app/tags/list?n=1&last=x", need(regtoken.Pull, "app")},
		{"GET", "/v2/app/referrers/" + sha256Digest, need(regtoken.Pull, "app")},
		{"GET", "/v2/app/referrers/" + sha256Digest + "?artifactType=application%2Fx", need(regtoken.Pull, "app")},

		{"POST", "/v2/app/blobs/uploads/", need(pushPull, "app")},
		{"POST", "/v2/app/blobs/uploads/?digest=" + sha256Digest, need(pushPull, "app")},
		{"POST", "/v2/app/blobs/uploads/?mount=" + sha256Digest, need(pushPull, "app")},
		{"POST", "/v2/app/blobs/uploads/?mount=" + sha256Digest + "&from=base", append(need(pushPull, "app"), need(regtoken.Pull, "base")...)},
		{"POST", "/v2/app/blobs/uploads/?from=b&mount=x&from=a&from=b", append(need(pushPull, "app"), need(regtoken.Pull, "a", "b")...)},
		{"POST", "/v2/app/blobs/uploads/?from=base", append(need(pushPull, "app"), need(regtoken.Pull, "base")...)},
		{"POST", "/v2/app/blobs/uploads/?mount=x&%66rom=base", append(need(pushPull, "app"), need(regtoken.Pull, "base")...)},
		{"POST", "/v2/app/blobs/uploads/?mount=x&from=", append(need(pushPull, "app"), need(regtoken.Pull, "")...)},
		{"POST", "/v2/app/blobs/uploads/?mount=x&from=a/../b", append(need(pushPull, "app"), need(regtoken.Pull, "a/../b")...)},

		{"GET", "/v2/app/blobs/uploads/0a1B-_.=", need(pushPull, "app")},
		{"PATCH", "/v2/app/blobs/uploads/1?_state=x", need(pushPull, "app")},
		{"PUT", "/v2/app/blobs/uploads/1?digest=" + sha256Digest, need(pushPull, "app")},
		{"PUT", "/v2/app/blobs/uploads/1?from=base", append(need(pushPull, "app"), need(regtoken.Pull, "base")...)},
		{"DELETE", "/v2/app/blobs/uploads/1", need(pushPull, "app")},

		// Names made of the words.
		{"GET", "/v2/manifests/manifests/manifests", need(regtoken.Pull, "manifests")},
		{"GET", "/v2/a/manifests/b/manifests/c", need(regtoken.Pull, "a/manifests/b")},
		{"GET", "/v2/a/blobs/uploads/manifests/c", need(regtoken.Pull, "a/blobs/uploads")},
		{"GET", "/v2/a/tags/list/manifests/c", need(regtoken.Pull, "a/tags/list")},
		{"GET", "/v2/tags/list/tags/list", need(regtoken.Pull, "tags/list")},
		{"GET", "/v2/a/blobs/tags/list", need(regtoken.Pull, "a/blobs")},
		{"GET", "/v2/blobs/uploads/blobs/" + sha256Digest, need(regtoken.Pull, "blobs/uploads")},
		{"GET", "/v2/uploads/referrers/" + sha256Digest, need(regtoken.Pull, "uploads")},
		{"POST", "/v2/blobs/uploads/blobs/uploads/", need(pushPull, "blobs/uploads")},
		{"POST", "/v2/a/manifests/blobs/uploads/", need(pushPull, "a/manifests")},
		{"PATCH", "/v2/a/blobs/uploads/blobs/uploads/list", need(pushPull, "a/blobs/uploads")},
		{"PATCH", "/v2/a/blobs/uploads/uploads", need(pushPull, "a")},
		{"PUT", "/v2/v2/manifests/v2", need(pushPull, "v2")},
		{"GET", "/v2/a__b/c---d/e.f/manifests/x", need(regtoken.Pull, "a__b/c---d/e.f")},
		{"GET", "/v2/" + strings.Repeat("a", 255) + "/tags/list", need(regtoken.Pull, strings.Repeat("a", 255))},
	} {
		d, refused := demandOf(newRequest(c.method, c.target), nil)
		require.Nil(t, refused, "%s %s", c.method, c.target)
		require.Equal(t, c.want, d.accesses, "%s %s", c.method, c.target)
	}
}

func TestUnknownPaths(t *testing.T) {
	for _, target := range []string{
		"/", "/v1/", "/v2x", "/V2/", "//v2/", "/v2//", "/v2/.", "/v2/..", "/x/v2/", "/v2/x",
		"/v2/_catalog/", "/v2/_Catalog", "/v2/a/_catalog", "/v2/_catalog/tags/list",
		"/v2/_catalog/manifests/x",

		// No name, or none that the specification knows.
		"/v2/manifests/x", "/v2/tags/list", "/v2/blobs/" + sha256Digest, "/v2/blobs/uploads/", "/v2/blobs/uploads/1",
		"/v2//manifests/x", "/v2/a//b/manifests/x", "/v2/a/./b/manifests/x", "/v2/a/../b/manifests/x",
		"/v2/../manifests/x", "/v2/A/manifests/x", "/v2/a_/manifests/x", "/v2/a___b/manifests/x",
		"/v2/a..b/manifests/x", "/v2/-a/manifests/x", "/v2/a._b/manifests/x", "/v2/host:5000/a/manifests/x",
		"/v2/Host.example/a/tags/list", "/v2/*/manifests/x", "/v2/a*/tags/list", "/v2/a;b/tags/list",
		"/v2/a,b/tags/list", "/v2/a@b/tags/list", "/v2/" + strings.Repeat("a", 256) + "/tags/list",
		"/v2/a\\b/manifests/x", "/v2/é/manifests/x",

		// Percent-escapes, needed or not.
		"/v2/a%2Fb/manifests/x", "/v2/a%2f..%2fb/manifests/x", "/v2/%2e%2e/a/manifests/x", "/v2/a/%2e%2e/b/manifests/x",
		"/v2/%61/manifests/x", "/%76%32/", "/v2/a/manifests/%6catest", "/v2%2Fa/manifests/x", "/v2/a/blobs/sha256%3Aaa",
		"/v2/a%00/manifests/x", "/v2/a%20b/manifests/x", "/v2/a%252Fb/manifests/x", "/v2/a%5Cb/manifests/x",
		"/v2/a/manifests/x%0d%0a", "/v2/a/manifests/x%3Fy", "/v2/a/blobs/uploads%2F", "/v2/a/manifests/x%23y",
		"/v2/%C3%A9/tags/list", "/v2/%E2%93%90/tags/list",

		// References, digests and upload IDs.
		"/v2/a/manifests/", "/v2/a/manifests", "/v2/a/manifests/.x", "/v2/a/manifests/-x", "/v2/a/manifests/x/",
		"/v2/a/manifests/x:y/z", "/v2/a/manifests/x y", "/v2/a/manifests/@", "/v2/a/manifests/" + strings.Repeat("x", 129),
		"/v2/a/manifests/SHA256:aa", "/v2/a/manifests/sha256:", "/v2/a/manifests/sha256:a:b", "/v2/a/manifests/sha256:a.b",
		"/v2/a/blobs/latest", "/v2/a/blobs/", "/v2/a/blobs", "/v2/a/blobs/uploads", "/v2/a/blobs/:aa",
		"/v2/a/blobs/sha++256:aa", "/v2/a/blobs/" + sha256Digest + "/",
		"/v2/a/referrers/latest", "/v2/a/referrers/", "/v2/a/tags", "/v2/a/tags/", "/v2/a/tags/List", "/v2/a/tags/x",
		"/v2/a/tags/list/", "/v2/a/uploads/1", "/v2/a/uploads/", "/v2/a/blobs/uploads/1/", "/v2/a/blobs/uploads//",
		"/v2/a/blobs/uploads/.", "/v2/a/blobs/uploads/..", "/v2/a/blobs/uploads/.x", "/v2/a/blobs/uploads/x:y",
		"/v2/a/blobs/uploads/x~", "/v2/a/blobs/uploads/" + sha256Digest, "/v2/a/blobs/uploads/" + strings.Repeat("x", 256),
		"/v2/a/blobs/x/uploads/", "/v2/a/Manifests/x",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"} {
			_, refused := demandOf(&http.Request{Method: method, URL: parseTarget(t, target)}, nil)
			require.Same(t, unknownPath, refused, "%s %s", method, target)
		}
	}
}

// parseTarget parses as a server does, or, where that would fail already,
// takes the target as a path that came some other way.
func parseTarget(t *testing.T, target string) *url.URL {
	t.Helper()
	if u, err := url.ParseRequestURI(target); err == nil {
		return u
	}
	return &url.URL{Path: target}
}

func TestURLsOfAnotherForm(t *testing.T) {
	for _, u := range []*url.URL{
		nil,
		{},
		{Opaque: "/v2/a/manifests/x"},
		{Path: "*"},
		{Path: "v2/a/manifests/x"},
		{Path: "/v2/a/manifests/x", RawPath: "/v2/a/manifests/x"},
		{Path: "/v2/a/manifests/x", RawPath: "/v2/b/manifests/x"},
		{Path: "/v2/a%2Fb/manifests/x"},
		{Path: "/v2/a/manifests/x\x00"},
		{Path: "/v2/a/manifests/x\n"},
		{Scheme: "http", Opaque: "registry/v2/"},
	} {
		_, refused := demandOf(&http.Request{Method: http.MethodGet, URL: u}, nil)
		require.Same(t, unknownPath, refused, "%#v", u)
	}
}

func TestWrongMethods(t *testing.T) {
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "", "COPY", "GET "}
	for target, allow := range map[string]string{
		"/v2/":                            "GET, HEAD",
		"/v2":                             "GET, HEAD",
		"/v2/_catalog":                    "GET",
		"/v2/a/manifests/x":               "GET, HEAD, PUT, DELETE",
		"/v2/a/manifests/" + sha256Digest: "GET, HEAD, PUT, DELETE",
		"/v2/a/blobs/" + sha256Digest:     "GET, HEAD, DELETE",
		"/v2/a/tags/list":                 "GET",
		"/v2/a/referrers/" + sha256Digest: "GET",
		"/v2/a/blobs/uploads/":            "POST",
		"/v2/a/blobs/uploads/1":           "GET, PATCH, PUT, DELETE",
	} {
		for _, method := range all {
			_, refused := demandOf(newRequest(method, target), nil)
			if slices.Contains(strings.Split(allow, ", "), method) {
				require.Nil(t, refused, "%s %s", method, target)
				continue
			}
			require.NotNil(t, refused, "%s %s", method, target)
			require.Equal(t, http.StatusMethodNotAllowed, refused.status, "%s %s", method, target)
			require.Equal(t, "Allow", refused.header)
			require.Equal(t, allow, refused.value)
		}
	}
}

func TestMalformedQueries(t *testing.T) {
	for _, query := range []string{"a;b", "from=a;from=b", "mount=x;from=a", "from=%zz", "%", "a=%2", "_method=DELETE", "_method", "%5fmethod=PUT"} {
		for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/a/manifests/x", "/v2/a/tags/list"} {
			_, refused := demandOf(newRequest("GET", path+"?"+query), nil)
			require.Same(t, badQuery, refused, "%s?%s", path, query)
		}
		_, refused := demandOf(newRequest("POST", "/v2/a/blobs/uploads/?"+query), nil)
		require.Same(t, badQuery, refused, query)
	}
}

func TestFormsOnUploads(t *testing.T) {
	for _, c := range []struct {
		types   []string
		refused bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"application/octet-stream"}, false},
		{[]string{"Application/Octet-Stream; x=y"}, false},
		{[]string{"application/vnd.oci.image.layer.v1.tar+gzip"}, false},
		{[]string{"application/x-www-form-urlencoded"}, true},
		{[]string{"APPLICATION/X-WWW-Form-Urlencoded; charset=utf-8"}, true},
		{[]string{" application/x-www-form-urlencoded"}, true},
		{[]string{"multipart/form-data; boundary=x"}, true},
		{[]string{"multipart/mixed; boundary=x"}, true},
		{[]string{"Multipart/Related"}, true},
		{[]string{"application/x-www-form-urlencoded; ="}, true}, // Go's form parser reads this one
		{[]string{"application/octet-stream; ="}, true},
		{[]string{"/"}, true},
		{[]string{" "}, true},
		{[]string{"application/octet-stream", "application/x-www-form-urlencoded"}, true},
		{[]string{"", ""}, true},
	} {
		for _, upload := range [][2]string{
			{"POST", "/v2/a/blobs/uploads/"}, {"POST", "/v2/a/blobs/uploads/?digest=" + sha256Digest},
			{"GET", "/v2/a/blobs/uploads/1"}, {"PATCH", "/v2/a/blobs/uploads/1"},
			{"PUT", "/v2/a/blobs/uploads/1"}, {"DELETE", "/v2/a/blobs/uploads/1"},
		} {
			r := newRequest(upload[0], upload[1])
			if c.types != nil {
				r.Header["Content-Type"] = c.types
			}
			_, refused := demandOf(r, nil)
			if c.refused {
				require.Same(t, formBody, refused, "%v %q", upload, c.types)
			} else {
				require.Nil(t, refused, "%v %q", upload, c.types)
			}
		}
	}
}

// The grammars as the specifications write them.
var (
	nameGrammar = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`
	tagGrammar  = `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
	digGrammar  = `[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+`

	specification = []struct {
		endpoint *endpoint
		path     *regexp.Regexp
	}{
		{base, regexp.MustCompile(`\A/v2/?\z`)},
		{catalog, regexp.MustCompile(`\A/v2/_catalog\z`)},
		{manifests, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/manifests/(?:` + tagGrammar + `|` + digGrammar + `)\z`)},
		{blobs, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/blobs/` + digGrammar + `\z`)},
		{tags, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/tags/list\z`)},
		{referrers, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/referrers/` + digGrammar + `\z`)},
		{uploads, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/blobs/uploads/\z`)},
		{upload, regexp.MustCompile(`\A/v2/(` + nameGrammar + `)/blobs/uploads/[a-zA-Z0-9_=-][a-zA-Z0-9._=-]{0,254}\z`)},
	}
)

func locateBySpecification(path string) (*endpoint, string) {
	for _, s := range specification {
		if m := s.path.FindStringSubmatch(path); m != nil {
			repository := strings.Join(m[1:], "")
			if len(repository) > 255 {
				return nil, ""
			}
			return s.endpoint, repository
		}
	}
	return nil, ""
}

// locateLikeGo reads a path as pkg/registry of go-containerregistry v0.22.1
// does: by the last elements alone, and in this order.
func locateLikeGo(p string) (*endpoint, string) {
	elem := strings.Split(p, "/")[1:]
	trimmed := elem
	if trimmed[len(trimmed)-1] == "" {
		trimmed = trimmed[:len(trimmed)-1]
	}
	at := func(elem []string, fromRight int) string {
		if fromRight > len(elem) {
			return ""
		}
		return elem[len(elem)-fromRight]
	}
	switch {
	case len(trimmed) >= 3 && at(trimmed, 2) == "blobs":
		e := blobs
		if at(trimmed, 1) == "uploads" {
			e = uploads
		}
		return e, path.Join(trimmed[1 : len(trimmed)-2]...)
	case len(trimmed) >= 3 && at(trimmed, 3) == "blobs" && at(trimmed, 2) == "uploads":
		return upload, path.Join(trimmed[1 : len(trimmed)-3]...)
	case len(elem) >= 4 && at(elem, 2) == "manifests":
		return manifests, strings.Join(elem[1:len(elem)-2], "/")
	case len(elem) >= 4 && at(elem, 2) == "tags":
		return tags, strings.Join(elem[1:len(elem)-2], "/")
	case len(elem) >= 2 && at(elem, 1) == "_catalog":
		return catalog, ""
	case len(elem) >= 4 && at(elem, 2) == "referrers":
		return referrers, strings.Join(elem[1:len(elem)-2], "/")
	case p == "/v2" || p == "/v2/":
		return base, ""
	}
	return nil, ""
}

// locateLikeDistribution reads a path as the routes of distribution v3.1.2 do.
// They are tried in this order; a name may there begin with a host and a port.
// They redirect from a path with or without the slash at its end to the other,
// and to the cleaned path; what is redirected counts as not read. There is no
// referrers endpoint.
func locateLikeDistribution(p string) (*endpoint, string) {
	const (
		host   = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
		domain = `(?:` + host + `(?:\.` + host + `)*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?`
		part   = `[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*`
		name   = `(?:` + domain + `/)?` + part + `(?:/` + part + `)*`
	)
	if path.Clean(p) != strings.TrimSuffix(p, "/") {
		return nil, ""
	}
	for _, route := range []struct {
		endpoint *endpoint
		path     string
	}{
		{base, `/v2/`},
		{tags, `/v2/(` + name + `)/tags/list`},
		{manifests, `/v2/(` + name + `)/manifests/(?:[\w][\w.-]{0,127}|[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+)`},
		{blobs, `/v2/(` + name + `)/blobs/[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}`},
		{uploads, `/v2/(` + name + `)/blobs/uploads/`},
		{upload, `/v2/(` + name + `)/blobs/uploads/[a-zA-Z0-9-_.=]+`},
		{catalog, `/v2/_catalog`},
	} {
		if m := cachedRegexp(route.path).FindStringSubmatch(p); m != nil {
			return route.endpoint, strings.Join(m[1:], "")
		}
	}
	return nil, ""
}

var regexps = map[string]*regexp.Regexp{}

func cachedRegexp(expression string) *regexp.Regexp {
	if regexps[expression] == nil {
		regexps[expression] = regexp.MustCompile(`\A` + expression + `\z`)
	}
	return regexps[expression]
}

// What the guard reads is what the specification says, and no registry reads
// another repository or another kind of endpoint there.
func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"/v2", "/v2/", "/v2/_catalog", "/v2/a/manifests/x", "/v2/a/manifests/" + sha256Digest,
		"/v2/a/blobs/" + sha256Digest, "/v2/a/tags/list", "/v2/a/referrers/" + sha256Digest, "/v2/a/blobs/uploads/",
		"/v2/a/blobs/uploads/1", "/v2/a.b/c__d/e--f/manifests/_X.y-z", "/v2/a/blobs/uploads/manifests/x",
		"/v2/a/blobs/uploads/tags/list", "/v2/blobs/uploads/blobs/uploads/uploads", "/v2/a/blobs/manifests/_catalog",
		"/v2/a/blobs/uploads/_catalog", "/v2/a/tags/manifests/list", "/v2/a/manifests/blobs/uploads/",
		"/v2/a/blobs/a.b+c_d-e:=_-", "/v2//a/manifests/x", "/v2/a/../b/manifests/x", "/v2/blobs/blobs/blobs/uploads/blobs",
		"/v2/host:5000/a/tags/list", "/v2/" + strings.Repeat("a/", 127) + "a/tags/list", "/v2/" + strings.Repeat("a/", 128) + "a/tags/list",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		e, repository := locate(path)
		wantEndpoint, wantRepository := locateBySpecification(path)
		require.Equal(t, wantRepository, repository, "%q", path)
		require.Same(t, wantEndpoint, e, "%q", path)
		if e == nil {
			return
		}
		goEndpoint, goRepository := locateLikeGo(path)
		require.Same(t, goEndpoint, e, "%q", path)
		require.Equal(t, goRepository, repository, "%q", path)
		if e, r := locateLikeDistribution(path); e != nil {
			require.Same(t, wantEndpoint, e, "%q", path)
			require.Equal(t, r, repository, "%q", path)
		}
	})
}

// What goes on to the registry has its path as it is in the request line.
func TestKnownPathsHaveNothingToEscape(t *testing.T) {
	known := 0
	for b := range 256 {
		for _, around := range [][2]string{
			{"/v2/a", "a/tags/list"}, {"/v2/a/manifests/a", ""}, {"/v2/a/blobs/a", "a:a"},
			{"/v2/a/referrers/a:a", ""}, {"/v2/a/blobs/uploads/a", ""},
		} {
			target := around[0] + string([]byte{byte(b)}) + around[1]
			if e, _ := locate(target); e != nil {
				known++
				require.Equal(t, target, (&url.URL{Path: target}).RequestURI())
			}
		}
	}
	require.Greater(t, known, 200)
}
