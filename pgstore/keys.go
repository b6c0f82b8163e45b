package pgstore

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/regtoken/regtoken/store"
)

// A nameKey places a record in a listing.
type nameKey struct{ registry, name string }

// mark is k as the Next of a page. NUL parts the two: neither can hold one.
func (k nameKey) mark() string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.registry + "\x00" + k.name))
}

// listStart returns where the page that q asks for begins: at this key or
// behind it.
func listStart(q store.Query) (nameKey, error) {
	if q.After == "" {
		return nameKey{q.Registry, q.NamePrefix}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.After)
	registry, name, found := strings.Cut(string(text), "\x00")
	if err != nil || !found || !q.AllRegistries && registry != q.Registry || !strings.HasPrefix(name, q.NamePrefix) {
		return nameKey{}, fmt.Errorf("%w: Query.After is no mark of this query", store.ErrInvalid)
	}
	return nameKey{registry, name + "\x00"}, nil // the least name behind it
}

// afterPrefix returns the least name behind all that begin with prefix; nil,
// for NULL, if there is none. Counting up the last byte gives it, since none
// of UTF-8 is 255.
func afterPrefix(prefix string) []byte {
	if prefix == "" {
		return nil
	}
	after := []byte(prefix)
	after[len(after)-1]++
	return after
}
