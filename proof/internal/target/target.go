// Package target opens the store that a text names, so that the processes of a
// proof can be told where their tokens are.
package target

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

// SQLite names the database in a file.
func SQLite(path string) string { return "sqlite:" + path }

// Etcd names the keys with a prefix in the cluster behind addresses of the form
// host:port.
func Etcd(prefix string, addrs ...string) string {
	return "etcd://" + strings.Join(addrs, ",") + "/" + url.PathEscape(prefix)
}

// Open opens a store: "sqlite:PATH", "postgres://…" as PostgreSQL has it, or
// what [Etcd] returns.
func Open(ctx context.Context, name string) (store.Store, error) {
	scheme, rest, _ := strings.Cut(name, ":")
	switch scheme {
	case "sqlite":
		return sqlitestore.Open(ctx, rest, nil)
	case "postgres":
		return pgstore.Open(ctx, name, nil)
	case "etcd":
		addrs, escaped, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		prefix, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, err
		}
		var endpoints []string
		for addr := range strings.SplitSeq(addrs, ",") {
			endpoints = append(endpoints, "http://"+addr)
		}
		return etcdstore.Open(ctx,
			clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second},
			&etcdstore.Options{Prefix: prefix})
	default:
		return nil, fmt.Errorf("target: no such kind of store: %q", scheme)
	}
}
