package registryauth_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A catalogStub answers GET /v2/_catalog in one of the manners that registries
// have. Its field names say how.
type catalogStub struct {
	names    []string
	order    func(a, b string) int
	pageSize int

	ignoresLast bool
	refusesLast bool
	links       bool
	cursors     bool // links, and by numbers instead of names
	shuffles    bool // anew for each answer; without links
}

func (s catalogStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	last := query.Get("last")
	if last != "" && s.refusesLast {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	names := slices.SortedFunc(slices.Values(s.names), s.order)
	if s.shuffles {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	}
	from := 0
	if s.cursors {
		from, _ = strconv.Atoi(query.Get("cursor"))
	} else if last != "" && !s.ignoresLast {
		from, _ = slices.BinarySearchFunc(names, last, func(name, last string) int {
			if s.order(name, last) <= 0 {
				return -1
			}
			return 1
		})
	}
	page := names[from:]
	if s.pageSize > 0 && len(page) > s.pageSize {
		page = page[:s.pageSize]
		switch {
		case s.cursors:
			w.Header().Set("Link", fmt.Sprintf(`<https://hidden.example/v2/_catalog?cursor=%d>; rel="next"`, from+len(page)))
		case s.links:
			next := url.Values{"n": {strconv.Itoa(s.pageSize)}, "last": {page[len(page)-1]}}
			w.Header().Set("Link", fmt.Sprintf(`</v2/_catalog?%s>; rel="next"`, next.Encode()))
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"repositories": page})
}

func byBytes(a, b string) int { return cmp.Compare(a, b) }

// byWalk is the order of distribution v3.1.2: a repository stands in its walk
// through the folders where its folder _manifests does.
func byWalk(a, b string) int {
	return slices.Compare(strings.Split(a+"/_manifests", "/"), strings.Split(b+"/_manifests", "/"))
}

func byHash(a, b string) int {
	hash := func(text string) uint64 {
		h := fnv.New64a()
		_, _ = io.WriteString(h, text)
		return h.Sum64()
	}
	return cmp.Or(cmp.Compare(hash(a), hash(b)), cmp.Compare(a, b))
}

func backwards(a, b string) int { return cmp.Compare(b, a) }

// manners are those seen in registries, and some that nobody has yet.
func manners(names []string, pageSize int) map[string]catalogStub {
	return map[string]catalogStub{
		"links, by bytes":           {names: names, order: byBytes, pageSize: pageSize, links: true},
		"links, distribution":       {names: names, order: byWalk, pageSize: pageSize, links: true},
		"links, by hash":            {names: names, order: byHash, pageSize: pageSize, links: true},
		"links, backwards":          {names: names, order: backwards, pageSize: pageSize, links: true},
		"no links, by bytes":        {names: names, order: byBytes, pageSize: pageSize},
		"no links, distribution":    {names: names, order: byWalk, pageSize: pageSize},
		"no links, by hash":         {names: names, order: byHash, pageSize: pageSize},
		"no links, backwards":       {names: names, order: backwards, pageSize: pageSize},
		"all, go-containerregistry": {names: names, order: byBytes, ignoresLast: true, shuffles: true},
		"all, by last":              {names: names, order: byWalk},
		"all, refuses last":         {names: names, order: byHash, refusesLast: true},
		"cursors":                   {names: names, order: byHash, pageSize: pageSize, cursors: true},
		"cursors, refuses last":     {names: names, order: byBytes, pageSize: pageSize, cursors: true, refusesLast: true},
	}
}
