package etcdstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// maxPage is the most records that one request asks for: each may be 1 MiB.
// It also is below 128, the operations that etcd allows a transaction.
const maxPage = 100

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return store.Record{}, err
	}
	defer c.end()
	return s.find(c, id)
}

// find returns the record with this ID.
func (s *Store) find(c *call, id uuid.UUID) (store.Record, error) {
	if seen, ok := s.recent.find(id); ok {
		if r, sure, err := s.findAs(c, id, seen.name); sure || err != nil {
			return r, err
		}
	}
	var records []*mvccpb.KeyValue
	err := s.atOneRevision(c, func() error {
		index, err := s.reads.Get(c, s.keys.id(id))
		if err != nil || len(index.Kvs) == 0 {
			return err
		}
		token := s.keys.token(name(index.Kvs[0].Value))
		found, err := s.reads.Get(c, token, clientv3.WithRev(index.Header.Revision))
		if err == nil {
			records = found.Kvs
		}
		return err
	})
	if err != nil {
		return store.Record{}, err
	}
	return s.only(records)
}

// findAs is find in one round trip, where it is sure: if there is no such
// record, or it has the name that it is thought to have.
func (s *Store) findAs(c *call, id uuid.UUID, n name) (r store.Record, sure bool, err error) {
	found, err := s.reads.Txn(c).Then(clientv3.OpGet(s.keys.id(id)), clientv3.OpGet(s.keys.token(n))).Commit()
	if err != nil {
		return store.Record{}, false, c.readFailed(err)
	}
	index, records := found.Responses[0].GetResponseRange().Kvs, found.Responses[1].GetResponseRange().Kvs
	switch {
	case len(index) == 0:
		r, err = s.only(nil)
	case name(index[0].Value) == n:
		r, err = s.only(records)
	default:
		return store.Record{}, false, nil
	}
	return r, true, err
}

// only returns the record, ErrNotFound if there is none.
func (s *Store) only(records []*mvccpb.KeyValue) (store.Record, error) {
	if len(records) == 0 {
		return store.Record{}, fmt.Errorf("etcdstore: %w", store.ErrNotFound)
	}
	r, err := s.keys.decode(records[0])
	if err == nil {
		s.recent.saw(r)
	}
	return r, err
}

// atOneRevision makes a read of several steps, which reads on at the revision
// that its first step saw, and so as if all were done at that instant. Should
// that revision be compacted in between, it begins again.
func (s *Store) atOneRevision(c *call, read func() error) error {
	for {
		err := read()
		if err == nil {
			return nil
		}
		if !errors.Is(err, rpctypes.ErrCompacted) {
			return c.readFailed(err)
		}
	}
}

// named returns the records whose names are the values of index, as they were
// at the revision rev.
func (s *Store) named(c *call, index []*mvccpb.KeyValue, rev int64) ([]*mvccpb.KeyValue, error) {
	gets := make([]clientv3.Op, len(index))
	for i, kv := range index {
		gets[i] = clientv3.OpGet(s.keys.token(name(kv.Value)), clientv3.WithRev(rev))
	}
	found, err := s.reads.Txn(c).Then(gets...).Commit()
	if err != nil {
		return nil, err
	}
	var records []*mvccpb.KeyValue
	for _, one := range found.Responses {
		records = append(records, one.GetResponseRange().Kvs...)
	}
	return records, nil
}

// GetByName implements [store.Store].
func (s *Store) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return store.Record{}, err
	}
	defer c.end()
	return s.findName(c, nameOf(registry, name))
}

// findName returns the record of this name.
func (s *Store) findName(c *call, n name) (store.Record, error) {
	found, err := s.reads.Get(c, s.keys.token(n))
	if err != nil {
		return store.Record{}, c.readFailed(err)
	}
	return s.only(found.Kvs)
}

// List implements [store.Store]. A page holds at most 100 records.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return store.Page{}, err
	}
	defer c.end()
	if err := q.Validate(); err != nil {
		return store.Page{}, err
	}
	from, to, err := s.keys.listed(q)
	if err != nil {
		return store.Page{}, err
	}
	found, more, err := s.search(c, q.NamePrefix, from, to, min(q.Limit, maxPage))
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	if page.Records, err = s.keys.decodeAll(found); err != nil {
		return store.Page{}, err
	}
	if more {
		page.Next = mark(s.keys.name(found[len(found)-1].Key))
	}
	return page, nil
}

// search returns at most limit of the records in a range of keys whose names
// begin with prefix, and whether there may be more. It jumps over those that
// do not, which there are only where the range is that of all registries.
func (s *Store) search(c *call, prefix, from, to string, limit int) (found []*mvccpb.KeyValue, more bool, err error) {
	for from < to {
		page, err := s.reads.Get(c, from, clientv3.WithRange(to), clientv3.WithLimit(int64(limit-len(found))))
		if err != nil {
			return nil, false, c.readFailed(err)
		}
		from = to
		if page.More {
			from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
		}
		for _, kv := range page.Kvs {
			registry, base, err := s.keys.name(kv.Key).parts()
			if err != nil {
				return nil, false, damaged(string(kv.Key), err)
			}
			if !strings.HasPrefix(base, prefix) {
				from = s.keys.token(jump(registry, base, prefix))
				break
			}
			found = append(found, kv)
		}
		if len(found) == limit {
			return found, from < to, nil
		}
	}
	return found, false, nil
}

// jump returns the next name after base in registry that may begin with prefix,
// which base does not.
func jump(registry, base, prefix string) name {
	if base < prefix {
		return nameOf(registry, prefix)
	}
	return name(registry + "\x01") // behind all of this registry
}

// listed is the range of keys that the page q asks for lies in.
func (k keys) listed(q store.Query) (from, to string, err error) {
	within := nameOf(q.Registry, q.NamePrefix)
	if q.AllRegistries {
		within = ""
	}
	from, to = k.tokens(within)
	if q.After == "" {
		return from, to, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil {
		return "", "", fmt.Errorf("etcdstore: %w: Query.After is no mark of a page", store.ErrInvalid)
	}
	_, base, err := name(last).parts()
	if err != nil || !strings.HasPrefix(string(last), string(within)) || !strings.HasPrefix(base, q.NamePrefix) {
		return "", "", fmt.Errorf("etcdstore: %w: Query.After is no mark of this query", store.ErrInvalid)
	}
	return k.token(name(last)) + "\x00", to, nil // no key lies in between
}

// mark is the Next of a page whose last record has this name.
func mark(last name) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

// Expired implements [store.Store].
func (s *Store) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.end()
	if err := store.ValidateLimit(limit); err != nil {
		return nil, err
	}
	if until.Before(store.MinTime) {
		return nil, nil
	}
	if until.After(store.MaxTime) {
		until = store.MaxTime
	}
	var records []*mvccpb.KeyValue
	err = s.atOneRevision(c, func() (err error) {
		from, to := s.keys.expired(until)
		records, err = s.indexed(c, from, to, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	expired, err := s.keys.decodeAll(records)
	for _, r := range expired { // a sweeper deletes by them; what was remembered may be from before a restore
		s.recent.saw(r)
	}
	return expired, err
}

// indexed returns at most limit of the records that the keys of a range name,
// all as they were at one revision.
func (s *Store) indexed(c *call, from, to string, limit int) ([]*mvccpb.KeyValue, error) {
	var records []*mvccpb.KeyValue
	for rev := int64(0); len(records) < limit; { // 0: the newest
		index, err := s.reads.Get(c, from, clientv3.WithRange(to), clientv3.WithRev(rev),
			clientv3.WithLimit(int64(min(limit-len(records), maxPage))))
		if err != nil || len(index.Kvs) == 0 {
			return records, err
		}
		if rev == 0 {
			rev = index.Header.Revision
		}
		found, err := s.named(c, index.Kvs, rev)
		if err != nil {
			return nil, err
		}
		records = append(records, found...)
		if !index.More {
			break
		}
		from = string(index.Kvs[len(index.Kvs)-1].Key) + "\x00"
	}
	return records, nil
}
