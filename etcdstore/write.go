package etcdstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// Put implements [store.Store]. The revision is etcd's own, which other writes
// to the cluster move on as well.
func (s *Store) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer c.end()
	if err := r.Validate(); err != nil {
		return 0, err
	}
	if r.Rev == 0 {
		return s.create(c, r)
	}
	return s.replace(c, r)
}

func (s *Store) create(c *call, r store.Record) (store.Rev, error) {
	token, id := s.keys.token(nameOf(r.Registry, r.Name)), s.keys.id(r.ID)
	value, err := encode(r)
	if err != nil {
		return 0, err
	}
	return s.write(c, r, transaction{
		compare: []clientv3.Cmp{
			clientv3.Compare(clientv3.CreateRevision(id), "=", 0),
			clientv3.Compare(clientv3.CreateRevision(token), "=", 0),
		},
		then: append(s.indexExpiry(r, nil), clientv3.OpPut(token, value), clientv3.OpPut(id, string(nameOf(r.Registry, r.Name)))),
	}, func(idTaken bool) error {
		if idTaken {
			return fmt.Errorf("etcdstore: ID: %w", store.ErrExists)
		}
		return fmt.Errorf("etcdstore: name: %w", store.ErrExists)
	})
}

func (s *Store) replace(c *call, r store.Record) (store.Rev, error) {
	old, err := s.replaced(c, r)
	if err != nil {
		return 0, err
	}
	value, err := encode(r)
	if err != nil {
		return 0, err
	}
	token := s.keys.token(nameOf(r.Registry, r.Name))
	return s.change(c, old, r, append(s.indexExpiry(r, &old), clientv3.OpPut(token, value)))
}

// replaced returns the record that r may replace. As a rule it is the one of
// r's name; where it is not, a look by the ID tells why.
func (s *Store) replaced(c *call, r store.Record) (store.Record, error) {
	if old, ok := s.recent.at(r.ID, r.Rev); ok && old.Registry == r.Registry && old.Name == r.Name {
		return old, nil
	}
	old, err := s.findName(c, nameOf(r.Registry, r.Name))
	if err == nil && old.ID == r.ID && old.Rev == r.Rev {
		return old, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Record{}, err
	}
	old, err = s.standing(c, r.ID, r.Rev)
	if err == nil && nameOf(old.Registry, old.Name) != nameOf(r.Registry, r.Name) {
		err = fmt.Errorf("etcdstore: %w: a record keeps its Registry and Name", store.ErrInvalid)
	}
	return old, err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer c.end()
	if ifRev < 1 {
		return 0, fmt.Errorf("etcdstore: %w: ifRev is below 1", store.ErrInvalid)
	}
	old, seen := s.recent.at(id, ifRev)
	if !seen {
		if old, err = s.standing(c, id, ifRev); err != nil {
			return 0, err
		}
	}
	then := []clientv3.Op{clientv3.OpDelete(s.keys.token(nameOf(old.Registry, old.Name))), clientv3.OpDelete(s.keys.id(id))}
	if !old.ExpiresAt.IsZero() {
		then = append(then, clientv3.OpDelete(s.keys.expiry(old.ExpiresAt, id)))
	}
	return s.change(c, old, old, then)
}

// standing returns the record with this ID if it stands at rev.
func (s *Store) standing(c *call, id uuid.UUID, rev store.Rev) (store.Record, error) {
	old, err := s.find(c, id)
	if err != nil {
		return store.Record{}, err
	}
	if old.Rev != rev {
		return store.Record{}, fmt.Errorf("etcdstore: %w: at %d, not %d", store.ErrConflict, old.Rev, rev)
	}
	return old, nil
}

// change does then, which makes r of old, if old still stands. That its key has
// the same revision is all there is to compare: old was read at that revision,
// with its ID and its expiry, and what a key held at a revision never changes.
func (s *Store) change(c *call, old, r store.Record, then []clientv3.Op) (store.Rev, error) {
	token := s.keys.token(nameOf(old.Registry, old.Name))
	return s.write(c, r, transaction{
		compare: []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(token), "=", int64(old.Rev))},
		then:    then,
	}, func(idTaken bool) error {
		if idTaken {
			return fmt.Errorf("etcdstore: %w: no longer at %d", store.ErrConflict, old.Rev)
		}
		return fmt.Errorf("etcdstore: %w", store.ErrNotFound)
	})
}

// write commits t as the write of r and returns its revision, or what refusal
// says if the comparisons do not hold: it is told whether the ID was taken then.
func (s *Store) write(c *call, r store.Record, t transaction, refusal func(idTaken bool) error) (store.Rev, error) {
	head, err := newHead(r.ID)
	if err != nil {
		return 0, err
	}
	t.then = append(t.then, clientv3.OpPut(s.keys.head(), head))
	t.reads = []clientv3.Op{clientv3.OpGet(s.keys.id(r.ID), clientv3.WithCountOnly())}
	answer, unknown, err := s.writes.commit(c, t)
	switch {
	case unknown:
		return 0, c.writeUnknown(err)
	case err != nil:
		return 0, c.readFailed(err)
	case !answer.Succeeded:
		return 0, refusal(answer.Responses[0].GetResponseRange().Count > 0)
	}
	r.Rev = store.Rev(answer.Header.Revision)
	s.recent.saw(r)
	return r.Rev, nil
}

// indexExpiry moves the expiry key of old, if there was one, to where r has it.
func (s *Store) indexExpiry(r store.Record, old *store.Record) []clientv3.Op {
	var ops []clientv3.Op
	if old != nil {
		if old.ExpiresAt.Equal(r.ExpiresAt) {
			return nil
		}
		if !old.ExpiresAt.IsZero() {
			ops = append(ops, clientv3.OpDelete(s.keys.expiry(old.ExpiresAt, r.ID)))
		}
	}
	if !r.ExpiresAt.IsZero() {
		ops = append(ops, clientv3.OpPut(s.keys.expiry(r.ExpiresAt, r.ID), string(nameOf(r.Registry, r.Name))))
	}
	return ops
}
