package registryauth

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/regtoken/regtoken"
)

// An access is one right that a request needs.
type access struct {
	repository string
	actions    regtoken.Action
}

// An endpoint is a kind of path in the API of the OCI distribution
// specification: its methods, in the order of an Allow header, and what each
// needs on the path's repository.
type endpoint []struct {
	method string
	needs  regtoken.Action
}

// The table: what is not in it is never passed on. Whatever reads an upload's
// state takes part in writing, so it needs no less.
var (
	base = &endpoint{{http.MethodGet, 0}, {http.MethodHead, 0}}

	catalog = &endpoint{{http.MethodGet, 0}} // see [Guard.serveCatalog]

	manifests = &endpoint{
		{http.MethodGet, regtoken.Pull},
		{http.MethodHead, regtoken.Pull},
		{http.MethodPut, regtoken.Push | regtoken.Pull},
		{http.MethodDelete, regtoken.Admin},
	}
	blobs = &endpoint{
		{http.MethodGet, regtoken.Pull},
		{http.MethodHead, regtoken.Pull},
		{http.MethodDelete, regtoken.Admin},
	}
	tags      = &endpoint{{http.MethodGet, regtoken.Pull}}
	referrers = &endpoint{{http.MethodGet, regtoken.Pull}}

	// Besides, each source of a mount needs pull.
	uploads = &endpoint{{http.MethodPost, regtoken.Push | regtoken.Pull}}
	upload  = &endpoint{
		{http.MethodGet, regtoken.Push | regtoken.Pull},
		{http.MethodPatch, regtoken.Push | regtoken.Pull},
		{http.MethodPut, regtoken.Push | regtoken.Pull},
		{http.MethodDelete, regtoken.Push | regtoken.Pull},
	}
)

// maxSources bounds the repositories that one request may mount from: the
// specification has one.
const maxSources = 16

// locate reads a path from the right: a repository's name may hold any of the
// words that follow it. No endpoint: the path is unknown. The repository is ""
// for an endpoint that has none.
func locate(path string) (e *endpoint, repository string) {
	switch path {
	case "/v2", "/v2/":
		return base, ""
	case "/v2/_catalog":
		return catalog, ""
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return nil, ""
	}
	rest, last := cutLast(rest)
	name, word := cutLast(rest)
	switch {
	case word == "manifests" && (isTag(last) || isDigest(last)):
		e = manifests
	case word == "blobs" && isDigest(last):
		e = blobs
	case word == "tags" && last == "list":
		e = tags
	case word == "referrers" && isDigest(last):
		e = referrers
	case word == "uploads":
		name, word = cutLast(name)
		switch {
		case word != "blobs":
		case last == "":
			e = uploads
		case isUploadID(last):
			e = upload
		}
	}
	if e == nil || !isName(name) {
		return nil, ""
	}
	return e, name
}

// cutLast cuts text at its last slash; without one, all of it is last.
func cutLast(text string) (before, last string) {
	i := strings.LastIndexByte(text, '/')
	return text[:max(i, 0)], text[i+1:]
}

// needs tells what the endpoint's method needs; false if it has no such method.
func (e *endpoint) needs(method string) (regtoken.Action, bool) {
	for _, m := range *e {
		if m.method == method {
			return m.needs, true
		}
	}
	return 0, false
}

// allow returns the value of an Allow header.
func (e *endpoint) allow() string {
	methods := make([]string, len(*e))
	for i, m := range *e {
		methods[i] = m.method
	}
	return strings.Join(methods, ", ")
}

// A demand is what a request wants, read from its method, path, query and
// Content-Type alone.
type demand struct {
	endpoint *endpoint
	accesses []access   // all are needed; none for base and catalog
	query    url.Values // nil if the request has none
}

// demandOf reads a request, or refuses one that a registry might read in
// another way. The accesses are kept in room, which is empty, as far as its
// capacity goes.
func demandOf(r *http.Request, room []access) (demand, *refusal) {
	// RawPath is set for a path with escapes that are not needed, and none is
	// needed in any path the table knows.
	if r.URL == nil || r.URL.Opaque != "" || r.URL.RawPath != "" {
		return demand{}, unknownPath
	}
	e, repository := locate(r.URL.Path)
	if e == nil {
		return demand{}, unknownPath
	}
	needs, ok := e.needs(r.Method)
	if !ok {
		return demand{}, wrongMethod(e)
	}
	d := demand{endpoint: e, accesses: room}
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil || query.Has("_method") { // a form's way to say another method
			return demand{}, badQuery
		}
		d.query = query
	}
	if needs != 0 {
		d.accesses = append(d.accesses, access{repository, needs})
	}
	if e == uploads || e == upload {
		if mayHoldForm(r.Header["Content-Type"]) {
			return demand{}, formBody
		}
		sources := d.query["from"]
		slices.Sort(sources)
		sources = slices.Compact(sources)
		if len(sources) > maxSources {
			return demand{}, manyFrom
		}
		for _, source := range sources {
			d.accesses = append(d.accesses, access{source, regtoken.Pull})
		}
	}
	return d, nil
}

// mayHoldForm reports whether a body may be read as a form, whose fields would
// then count like those of the query.
func mayHoldForm(contentTypes []string) bool {
	switch {
	case len(contentTypes) == 0:
		return false
	case len(contentTypes) > 1:
		return true
	case contentTypes[0] == "", contentTypes[0] == "application/octet-stream":
		return false
	}
	mediaType, _, err := mime.ParseMediaType(contentTypes[0])
	return err != nil || mediaType == "application/x-www-form-urlencoded" || strings.HasPrefix(mediaType, "multipart/")
}
