package interop

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
)

// A row is a request of the OCI distribution API and what it needs.
type row struct {
	name    string
	request func(*testing.T, *site, artifact) request
	may     rights   // the least that is enough; REPO stands for the repository
	lack    []rights // each of them lacks one right alone
	status  func(*site) int
}

// plain is a request that needs nothing but the artifact.
func plain(method, target string) func(*testing.T, *site, artifact) request {
	return func(_ *testing.T, _ *site, a artifact) request {
		fill := strings.NewReplacer("REPO", a.repository, "TAG", a.tag, "DIGEST", a.digest, "LAYER", a.layer)
		return request{method: method, target: fill.Replace(target)}
	}
}

// upload is a request about an upload that has begun, to which query is added.
func upload(method, query string, body []byte) func(*testing.T, *site, artifact) request {
	return func(t *testing.T, s *site, a artifact) request {
		location := s.beginUpload(t, a.repository)
		if query != "" {
			separator := "?"
			if strings.Contains(location, "?") {
				separator = "&"
			}
			location += separator + query
		}
		return request{method: method, target: location, kind: "application/octet-stream", body: body}
	}
}

// mount is a request for a blob that the first of these repositories has.
func mount(from ...string) func(*testing.T, *site, artifact) request {
	return func(t *testing.T, s *site, a artifact) request {
		query := url.Values{"mount": {s.publish(t, from[0], "v1").layer}, "from": from}
		return request{method: http.MethodPost, target: "/v2/" + a.repository + "/blobs/uploads/?" + query.Encode()}
	}
}

// manifest puts the artifact's own manifest under a reference.
func manifest(reference func(artifact) string) func(*testing.T, *site, artifact) request {
	return func(_ *testing.T, _ *site, a artifact) request {
		return request{
			method: http.MethodPut,
			target: "/v2/" + a.repository + "/manifests/" + reference(a),
			kind:   manifestType,
			body:   a.manifest,
		}
	}
}

func always(status int) func(*site) int { return func(*site) int { return status } }

// unless is good, but where the registry lacks something.
func unless(lacks func(*site) bool, otherwise, good int) func(*site) int {
	return func(s *site) int {
		if lacks(s) {
			return otherwise
		}
		return good
	}
}

var (
	redirectsPing  = func(s *site) bool { return s.redirectsPing }
	noReferrers    = func(s *site) bool { return s.noReferrers }
	noMount        = func(s *site) bool { return s.noMount }
	noSinglePost   = func(s *site) bool { return s.noSinglePost }
	noUploadStatus = func(s *site) bool { return s.noUploadStatus }
)

var (
	aBlob       = []byte("a blob that no registry has yet")
	aBlobDigest = digest.FromBytes(aBlob).String()

	lists  = rights{"registry:*:list"}
	pulls  = rights{"repository:REPO:pull"}
	pushes = rights{"repository:REPO:pull,push"}
	admins = rights{"repository:REPO:admin"}

	lacksList  = []rights{{"repository:*:pull,push,admin"}}
	lacksPull  = []rights{{"repository:REPO:admin"}} // push cannot be had without pull
	lacksPush  = []rights{{"repository:REPO:pull,admin"}}
	lacksAdmin = []rights{{"repository:REPO:pull,push"}}
)

var table = []row{
	{"ping", plain("GET", "/v2/"), nothing, nil, always(200)},
	{"ping without slash", plain("GET", "/v2"), nothing, nil, unless(redirectsPing, 301, 200)},
	{"ping by HEAD", plain("HEAD", "/v2/"), nothing, nil, always(200)},
	{"ping by HEAD without slash", plain("HEAD", "/v2"), nothing, nil, unless(redirectsPing, 301, 200)},

	{"catalogue", plain("GET", "/v2/_catalog"), lists, lacksList, always(200)},
	{"catalogue by pages", plain("GET", "/v2/_catalog?n=1"), lists, lacksList, always(200)},

	{"manifest by tag", plain("GET", "/v2/REPO/manifests/TAG"), pulls, lacksPull, always(200)},
	{"manifest by digest", plain("GET", "/v2/REPO/manifests/DIGEST"), pulls, lacksPull, always(200)},
	{"manifest by HEAD", plain("HEAD", "/v2/REPO/manifests/TAG"), pulls, lacksPull, always(200)},
	{"blob", plain("GET", "/v2/REPO/blobs/LAYER"), pulls, lacksPull, always(200)},
	{"blob by HEAD", plain("HEAD", "/v2/REPO/blobs/LAYER"), pulls, lacksPull, always(200)},
	{"tags", plain("GET", "/v2/REPO/tags/list"), pulls, lacksPull, always(200)},
	{"referrers", plain("GET", "/v2/REPO/referrers/DIGEST"), pulls, lacksPull, unless(noReferrers, 404, 200)},

	{"put a manifest by tag", manifest(func(artifact) string { return "v2" }), pushes, lacksPush, always(201)},
	{"overwrite a tag", manifest(func(a artifact) string { return a.tag }), pushes, lacksPush, always(201)},
	{"put a manifest by digest", manifest(func(a artifact) string { return a.digest }), pushes, lacksPush, always(201)},

	{"delete a tag", plain("DELETE", "/v2/REPO/manifests/TAG"), admins, lacksAdmin, always(202)},
	{"delete a manifest", plain("DELETE", "/v2/REPO/manifests/DIGEST"), admins, lacksAdmin, always(202)},
	{"delete a blob", plain("DELETE", "/v2/REPO/blobs/LAYER"), admins, lacksAdmin, always(202)},

	{"begin an upload", plain("POST", "/v2/REPO/blobs/uploads/"), pushes, lacksPush, always(202)},
	{"upload in one request", func(t *testing.T, s *site, a artifact) request {
		r := plain("POST", "/v2/REPO/blobs/uploads/?digest="+aBlobDigest)(t, s, a)
		r.kind, r.body = "application/octet-stream", aBlob
		return r
	}, pushes, lacksPush, unless(noSinglePost, 202, 201)},
	{"mount from nowhere", plain("POST", "/v2/REPO/blobs/uploads/?mount=LAYER"), pushes, lacksPush, always(202)},
	{
		"mount", mount("base/image"),
		append(rights{"repository:base/image:pull"}, pushes...),
		[]rights{
			pushes,
			append(rights{"repository:base/image:admin"}, pushes...),
			append(rights{"repository:base/image:pull,push,admin"}, pulls...),
		},
		unless(noMount, 202, 201),
	},
	{
		"mount from two", mount("base/image", "secret/image"),
		append(rights{"repository:base/image:pull", "repository:secret/image:pull"}, pushes...),
		[]rights{
			append(rights{"repository:base/image:pull"}, pushes...),
			append(rights{"repository:secret/image:pull"}, pushes...),
		},
		unless(noMount, 202, 201),
	},

	{"status of an upload", upload("GET", "", nil), pushes, lacksPush, unless(noUploadStatus, 400, 204)},
	{"a piece of an upload", upload("PATCH", "", aBlob), pushes, lacksPush, always(202)},
	{"end an upload", upload("PUT", "digest="+aBlobDigest, aBlob), pushes, lacksPush, always(201)},
	{"give up an upload", upload("DELETE", "", nil), pushes, lacksPush, unless(noUploadStatus, 400, 204)},
}

// in fills in the repository.
func (r rights) in(repository string) rights {
	filled := make(rights, len(r))
	for i, text := range r {
		filled[i] = strings.ReplaceAll(text, "REPO", repository)
	}
	return filled
}

func TestEveryRequestNeedsItsRights(t *testing.T) {
	t.Parallel()
	for _, repository := range []string{"team/app", "manifests/tags/blobs/uploads"} {
		for _, row := range table {
			t.Run(repository+"/"+row.name, func(t *testing.T) {
				eachRegistry(t, func(t *testing.T, s *site) { row.check(t, s, repository) })
			})
		}
	}
}

// check sends the request with no login, with too few rights, while the store
// is down, and with just enough. What was refused had no effect: each time but
// the last, the registry has seen nothing.
func (row row) check(t *testing.T, s *site, repository string) {
	a := s.publish(t, repository, "v1")
	r := row.request(t, s, a)

	s.refused(t, anonymous, r, http.StatusUnauthorized, "UNAUTHORIZED")
	for _, lack := range row.lack {
		s.denied(t, s.token(t, lack.in(repository)), r)
	}
	if len(row.may) > 0 {
		s.denied(t, s.token(t, nothing), r)
	}

	may := s.token(t, row.may.in(repository))
	s.store.down.Store(true) // a 401 would make clients forget a good password
	s.refused(t, may, r, http.StatusServiceUnavailable, "UNAVAILABLE")
	s.store.down.Store(false)

	got := s.send(t, may, r)
	assert.Equal(t, row.status(s), got.status, "%s", got.body)
}
