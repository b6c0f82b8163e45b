package etcdstore

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// keys are the keys of a store, by the prefix they share:
//
//	@format                   the version of this layout
//	@token/REGISTRY NUL NAME  the record, see encode
//	@id/UUID                  REGISTRY NUL NAME of the record
//	@expiry/TIME/UUID         the same, if it expires
//	@head                     the last write, see head
//
// No prefix contains "@", so none can reach into the keys of another. REGISTRY
// and NAME contain no NUL, and the bytes of these keys are in the order of List.
type keys string

func (k keys) format() string { return string(k) + "@format" }

func (k keys) head() string { return string(k) + "@head" }

func (k keys) id(id uuid.UUID) string { return string(k) + "@id/" + id.String() }

func (k keys) token(n name) string { return string(k) + "@token/" + string(n) }

// tokens is the range of the records whose names begin with prefix.
func (k keys) tokens(prefix name) (from, to string) {
	from = k.token(prefix)
	return from, clientv3.GetPrefixRangeEnd(from)
}

// expiry returns the key under which a record that expires at t is found.
func (k keys) expiry(t time.Time, id uuid.UUID) string {
	return string(k) + "@expiry/" + formatTime(t) + "/" + id.String()
}

// expired is the range of the expiry keys of all times up to until.
func (k keys) expired(until time.Time) (from, to string) {
	from = string(k) + "@expiry/"
	return from, clientv3.GetPrefixRangeEnd(from + formatTime(until) + "/")
}

// A name is a registry and a name in it, in the form that keys have them.
type name string

func nameOf(registry, n string) name { return name(registry + "\x00" + n) }

// parts is the reverse of nameOf.
func (n name) parts() (registry, base string, err error) {
	registry, base, found := strings.Cut(string(n), "\x00")
	if !found {
		return "", "", fmt.Errorf("%q is not a registry and a name", string(n))
	}
	return registry, base, nil
}

// name returns the name in the key of a record.
func (k keys) name(key []byte) name { return name(key[len(k.token("")):]) }

// timeForm has the same length for all years from 1 to 9999, and so the order
// of its texts is that of time.
const timeForm = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeForm) }
