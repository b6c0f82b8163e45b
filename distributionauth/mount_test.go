package distributionauth_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/distributionauth"
)

func TestEverySourceOfAMountNeedsPull(t *testing.T) {
	s := newSite(t)
	one := s.login("one", "repository:team/app:pull,push", "repository:other/a:pull")
	both := s.login("both", "repository:team/app:pull,push", "repository:other/*:pull")
	many := "&from=other/lib" + strings.Repeat("&from=other/lib", 20)
	for _, row := range []struct {
		query     string
		one, both int
	}{
		{"?mount=MORE&from=other/lib", 403, 201},
		{"?mount=MORE&from=other/a&from=other/lib", 403, 202}, // the first has it not
		{"?mount=MORE&from=other/lib&from=other/a", 403, 201},
		{"?from=other/lib", 403, 202},
		{"?mount=MORE" + many, 403, 201},
		{"?mount=MORE&from=", 403, 403},
		{"?mount=MORE&from=*", 403, 403},
		{"?mount=MORE&from=other/../other/lib", 403, 403},
		{"?mount=MORE&from=other%2Flib", 403, 201},
		{"?mount=MORE&%66rom=other/lib", 403, 201},
		{"?mount=MORE&from=other/a;from=other/lib", 400, 400},
		{"?mount=MORE&from=other/a&x=%zz", 400, 400},
		{"?mount=MORE" + manyFrom(17), 400, 400},
		{"?mount=MORE" + manyFrom(16), 403, 202},
	} {
		t.Run(row.query, func(t *testing.T) {
			target := "/v2/team/app/blobs/uploads/" + s.fill(row.query)
			got := s.do(s.request(s.handled, http.MethodPost, target, "", nil, one))
			require.Equal(t, row.one, got.status, got.body)
			requireBareRefusal(t, s.do(s.request(s.bare, http.MethodPost, target, "", nil, one)))
			got = s.do(s.request(s.handled, http.MethodPost, target, "", nil, both))
			require.Equal(t, row.both, got.status, got.body)
			if row.both >= 400 {
				requireBareRefusal(t, s.do(s.request(s.bare, http.MethodPost, target, "", nil, both)))
			}
		})
	}
}

// manyFrom names n repositories to mount from.
func manyFrom(n int) string {
	var query strings.Builder
	for i := range n {
		query.WriteString("&from=other/" + strings.Repeat("a", i+1))
	}
	return query.String()
}

// TestFormsAreRefused: distribution reads "mount" and "from" from a body too.
func TestFormsAreRefused(t *testing.T) {
	s := newSite(t)
	mount := s.fill("mount=MORE&from=other/lib")
	var fields bytes.Buffer
	form := multipart.NewWriter(&fields)
	require.NoError(t, form.WriteField("mount", s.fill("MORE")))
	require.NoError(t, form.WriteField("from", "other/lib"))
	require.NoError(t, form.Close())

	// Those of the second request are not seen by the access that distribution
	// asks for, but by its handler: the body comes before the query.
	for _, row := range []struct {
		name, method, target string
		contentTypes         []string
		body                 []byte
	}{
		{"a form", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{"application/x-www-form-urlencoded"}, []byte(mount)},
		{"a form and a query", http.MethodPost, "/v2/team/app/blobs/uploads/?from=team/app", []string{"application/x-www-form-urlencoded"}, []byte(mount)},
		{"with a parameter", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{"Application/X-WWW-Form-Urlencoded; charset=utf-8"}, []byte(mount)},
		{"with a malformed parameter", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{"application/x-www-form-urlencoded; charset"}, []byte(mount)},
		{"two types", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{octets, "application/x-www-form-urlencoded"}, []byte(mount)},
		{"multipart", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{form.FormDataContentType()}, fields.Bytes()},
		{"multipart, mixed", http.MethodPost, "/v2/team/app/blobs/uploads/", []string{strings.Replace(form.FormDataContentType(), "form-data", "mixed", 1)}, fields.Bytes()},
		{"on an upload", http.MethodPut, "UPLOAD&digest=MORE", []string{"application/x-www-form-urlencoded"}, uploaded},
		{"on an upload, multipart", http.MethodPatch, "UPLOAD", []string{form.FormDataContentType()}, fields.Bytes()},
		{"to GET, multipart", http.MethodGet, "/v2/team/app/manifests/v1", []string{form.FormDataContentType()}, fields.Bytes()},
		{"on a manifest", http.MethodPut, "/v2/team/app/manifests/v2", []string{"application/x-www-form-urlencoded"}, manifest},
	} {
		t.Run(row.name, func(t *testing.T) {
			target := s.fill(row.target)
			for _, address := range []string{s.handled, s.bare} {
				r := s.request(address, row.method, target, "", row.body, s.root)
				r.Header["Content-Type"] = row.contentTypes
				got := s.do(r)
				if address == s.bare {
					requireBareRefusal(t, got)
					continue
				}
				require.Equal(t, http.StatusUnsupportedMediaType, got.status, got.body)
				require.Contains(t, got.body, "UNSUPPORTED")
			}
		})
	}
	s.expect(http.StatusNotFound, http.MethodHead, s.fill("/v2/team/app/blobs/MORE"), "", nil)
}

// TestHandlerReadsNoForm: distribution would read all of it, and keep what is
// too much for memory on disk, before anyone has logged in.
func TestHandlerReadsNoForm(t *testing.T) {
	handler := distributionauth.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		assert.Fail(t, "it was passed on")
	}))
	r := httptest.NewRequest(http.MethodPost, "/v2/team/app/blobs/uploads/", unreadable{t})
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	require.Equal(t, http.StatusUnsupportedMediaType, answer.Code)
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	assert.Fail(u.t, "it was read")
	return 0, io.EOF
}
