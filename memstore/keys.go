package memstore

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/regtoken/regtoken/store"
)

// A nameKey places a record in a listing.
type nameKey struct{ registry, name string }

func compareNames(a, b nameKey) int {
	if a.registry != b.registry { // rarely, and found out faster than their order
		return strings.Compare(a.registry, b.registry)
	}
	return strings.Compare(a.name, b.name)
}

// nextName returns the least key after k: no text lies between s and s+NUL.
func (k nameKey) nextName() nameKey { return nameKey{k.registry, k.name + "\x00"} }

// nextRegistry returns the least key of the registries after that of k.
func (k nameKey) nextRegistry() nameKey { return nameKey{k.registry + "\x00", ""} }

// mark is k as the Next of a page. NUL parts the two: neither can hold one.
func (k nameKey) mark() string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.registry + "\x00" + k.name))
}

// listStart returns the key at which the page that q asks for begins.
func listStart(q store.Query) (nameKey, error) {
	if q.After == "" {
		return nameKey{q.Registry, q.NamePrefix}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil {
		return nameKey{}, fmt.Errorf("%w: Query.After is no mark of a page", store.ErrInvalid)
	}
	registry, name, found := strings.Cut(string(text), "\x00")
	if !found || !q.AllRegistries && registry != q.Registry || !strings.HasPrefix(name, q.NamePrefix) {
		return nameKey{}, fmt.Errorf("%w: Query.After is no mark of this query", store.ErrInvalid)
	}
	return nameKey{registry, name}.nextName(), nil
}

func nameKeyOf(r *store.Record) nameKey { return nameKey{r.Registry, r.Name} }

// inUTC returns t to the millisecond, without zone or monotonic reading.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
