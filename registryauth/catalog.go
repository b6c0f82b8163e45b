package registryauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/regtoken/regtoken"
)

const (
	catalogPath = "/v2/_catalog"

	// maxCatalogPage is the most names the guard answers with at once, and
	// what a client gets that asks for no number.
	maxCatalogPage = 10_000

	// The bounds of what the registry may make the guard do for one answer.
	maxCatalogBody  = 64 << 20 // bytes of one page of its own
	maxCatalogNames = 1 << 20
	maxBarrenPages  = 16 // in a row, that link on and bring nothing new
)

// beyondAll sorts behind every other repository name, in any order of bytes or
// of path components.
var beyondAll = strings.Repeat("z", maxName)

// serveCatalog answers GET /v2/_catalog with the repositories that the grant
// shows, page by page. It asks the registry behind for its own pages and
// passes on nothing but names, so no link can name what the grant hides.
func (g *Guard) serveCatalog(w http.ResponseWriter, r *http.Request, query url.Values, grant regtoken.Grant) {
	n, last, refused := pagination(query)
	if refused != nil {
		refused.answer(w, r.Method)
		return
	}
	names := []string{}
	more := false
	if n > 0 {
		l := listing{
			ask: func(query string) (catalogPage, error) { return g.askCatalog(r, query) },
			// What is shown is no decision on a request of the client's own,
			// so no observer is told of each name.
			shows: func(name string) bool { return grant.Explain(name, regtoken.List).Allowed },
		}
		var err error
		names, more, err = l.page(n, last)
		if err != nil {
			catalogRefusal(err).answer(w, r.Method)
			return
		}
	}
	if more {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {names[len(names)-1]}}
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, catalogPath, next.Encode()))
	}
	answerJSON(w, r.Method, http.StatusOK, map[string][]string{"repositories": names})
}

// pagination reads n and last. More than the guard gives at once is no error:
// a Link leads on.
func pagination(query url.Values) (n int, last string, refused *refusal) {
	n = maxCatalogPage
	switch values := query["n"]; {
	case len(values) > 1:
		return 0, "", badCount
	case len(values) == 1:
		asked, err := strconv.ParseUint(values[0], 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, "", badCount
		}
		n = int(min(asked, maxCatalogPage))
	}
	switch values := query["last"]; {
	case len(values) > 1:
		return 0, "", badLast
	case len(values) == 1 && values[0] != "":
		last = values[0]
		if !isName(last) {
			return 0, "", badLast
		}
	}
	return n, last, nil
}

// A catalogPage is one answer of the registry behind.
type catalogPage struct {
	names []string
	next  string // the query of its Link; "" if it has none
}

// A listing reads the whole catalogue of a registry through its pages. The
// order of registries differs (a distribution registry's is that of its walk
// through folders, where team/0 comes before team and team/a behind it), some
// page by other means than names, and some have no order at all. So the guard
// pages in the registry's own order if the registry goes on behind a name that
// it is given, and else reads everything and orders it by bytes. Either way a
// name that is there all the while is listed exactly once.
type listing struct {
	ask   func(query string) (catalogPage, error)
	shows func(name string) bool
}

var errMisread = errors.New("registryauth: the registry's listing cannot be read")

// page returns at most n of the names that are shown behind last, and whether
// there are more. n is at least 1.
func (l *listing) page(n int, last string) (names []string, more bool, err error) {
	beyond, err := l.ask(behind(beyondAll))
	takesLast := err == nil
	if takesLast && len(beyond.names) == 0 && beyond.next == "" {
		return l.pageInItsOrder(n, last)
	}
	names = []string{}
	err = l.walk("", takesLast, func(name string) bool {
		if name > last && l.shows(name) {
			names = append(names, name)
		}
		return true
	})
	slices.Sort(names)
	if len(names) > n {
		names, more = names[:n], true
	}
	return names, more, err
}

// pageInItsOrder is page for a registry that goes on behind a given name.
func (l *listing) pageInItsOrder(n int, last string) (names []string, more bool, err error) {
	names = []string{}
	query := ""
	if last != "" {
		query = behind(last)
	}
	err = l.walk(query, true, func(name string) bool {
		switch {
		case name == last || !l.shows(name):
			return true
		case len(names) == n:
			more = true
			return false
		}
		names = append(names, name)
		return true
	})
	return names, more, err
}

// walk visits each name once, from the page that query asks for, until visit
// has enough. It follows the registry's links. Where there are none at all, a
// page may still not be the last (not every registry links), so if takesLast
// it asks what comes behind it, until nothing new does.
func (l *listing) walk(query string, takesLast bool, visit func(name string) bool) error {
	asked := make(map[string]bool)
	seen := make(map[string]bool)
	links := false
	for barren := 0; barren <= maxBarrenPages && !asked[query]; {
		asked[query] = true
		page, err := l.ask(query)
		if err != nil {
			return err
		}
		barren++
		for _, name := range page.names {
			if seen[name] {
				continue
			}
			if len(seen) == maxCatalogNames {
				return errMisread
			}
			seen[name] = true
			barren = 0
			if !visit(name) {
				return nil
			}
		}
		switch {
		case page.next != "":
			query, links = page.next, true
		case takesLast && !links && barren == 0:
			query = behind(page.names[len(page.names)-1])
		default:
			return nil
		}
	}
	return errMisread // it runs in circles
}

// behind returns the query for what comes behind a name.
func behind(name string) string { return url.Values{"last": {name}}.Encode() }

// askCatalog gets one page from the registry behind, within the client's
// request, and with none of its headers: its credentials are no concern of the
// registry, and a condition or an encoding would change the answer.
func (g *Guard) askCatalog(r *http.Request, query string) (catalogPage, error) {
	if err := r.Context().Err(); err != nil {
		return catalogPage{}, err
	}
	ask := onward(r.Context(), r)
	ask.URL.RawQuery = query
	ask.RequestURI = ask.URL.RequestURI()
	ask.Header = http.Header{"Accept": {"application/json"}}
	ask.Body, ask.ContentLength, ask.TransferEncoding, ask.Trailer = http.NoBody, 0, nil, nil

	answer := recorder{header: make(http.Header)}
	g.registry.ServeHTTP(&answer, ask)
	switch {
	case answer.tooLarge:
		return catalogPage{}, errMisread
	case answer.status != http.StatusOK && answer.status != 0:
		return catalogPage{}, statusError(answer.status)
	}
	var body struct {
		Repositories []string `json:"repositories"`
	}
	if err := json.Unmarshal(answer.body.Bytes(), &body); err != nil {
		return catalogPage{}, errMisread
	}
	next, err := nextQuery(answer.header["Link"])
	return catalogPage{body.Repositories, next}, err
}

// nextQuery returns the query of the link to the next page (RFC 8288), "" if
// there is none. Only the query counts: the page is the same registry's.
func nextQuery(links []string) (string, error) {
	rest := strings.Join(links, ",")
	for {
		_, link, ok := strings.Cut(rest, "<")
		if !ok {
			return "", nil
		}
		target, parameters, ok := strings.Cut(link, ">")
		if !ok {
			return "", errMisread
		}
		parameters, _, _ = strings.Cut(parameters, "<")
		rest = link[len(target)+1+len(parameters):]
		if !isNext(parameters) {
			continue
		}
		u, err := url.Parse(target)
		if err != nil || u.RawQuery == "" {
			return "", errMisread
		}
		return u.RawQuery, nil
	}
}

// isNext reports whether the parameters of a link say rel="next".
func isNext(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.Trim(parameter, " \t,"), "=")
		if strings.EqualFold(key, "rel") && slices.Contains(strings.Fields(strings.ToLower(strings.Trim(value, `"`))), "next") {
			return true
		}
	}
	return false
}

// catalogRefusal answers for a listing that came to nothing.
func catalogRefusal(err error) *refusal {
	var status statusError
	switch {
	case errors.As(err, &status):
		return upstreamFailed(int(status))
	case errors.Is(err, errMisread):
		return badCatalog
	default: // the client's request ended
		return upstreamFailed(http.StatusServiceUnavailable)
	}
}

// A statusError is the status of an answer that is no page.
type statusError int

func (e statusError) Error() string {
	return fmt.Sprintf("registryauth: the registry's listing was answered with status %d", int(e))
}

// A recorder keeps an answer of the registry behind, up to a bound.
type recorder struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	tooLarge bool
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // what comes before is no answer yet
		a.status = status
	}
}

func (a *recorder) Write(b []byte) (int, error) {
	if a.body.Len()+len(b) > maxCatalogBody {
		a.tooLarge = true
		return 0, errMisread
	}
	return a.body.Write(b)
}
