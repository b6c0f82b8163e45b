package etcdstore

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// format is the version of the layout that keys tells of.
const format = "1"

// checkFormat writes the format where there is none, and refuses others.
func (s *Store) checkFormat(ctx context.Context) error {
	c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	found, err := s.getOrPut(c, s.keys.format(), format)
	switch {
	case err != nil:
		return c.readFailed(err)
	case string(found.Value) != format:
		return fmt.Errorf("etcdstore: the data under %q are of format %q; this version knows format %s alone",
			string(s.keys), found.Value, format)
	}
	return nil
}

// getOrPut returns what key holds, once it holds something, if only value. A
// lost acknowledgement does no harm here: whoever asks next finds the same.
func (s *Store) getOrPut(c *call, key, value string) (*mvccpb.KeyValue, error) {
	for {
		found, err := s.reads.Get(c, key)
		if err != nil {
			return nil, err
		}
		if len(found.Kvs) > 0 {
			return found.Kvs[0], nil
		}
		absent := clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
		if _, err := s.reads.Txn(c).If(absent).Then(clientv3.OpPut(key, value)).Commit(); err != nil {
			return nil, err
		}
	}
}
