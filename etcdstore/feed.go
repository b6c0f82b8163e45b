package etcdstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// The feed is the history of one key, head, which every write puts, without
// comparing it: writes of different records never wait for each other, and the
// order is etcd's. The nonce in it tells a revision of this history from the
// same revision of another: of another store, or of a cluster that was restored
// from a snapshot and has gone on differently.
type head struct {
	Nonce string    `json:"nonce"`
	ID    uuid.UUID `json:"id"` // of the record that was written

	rev     int64
	version int64 // which put of the key it was, since the key was created
}

// newHead returns the value of head for the write of id.
func newHead(id uuid.UUID) (string, error) {
	text, err := json.Marshal(head{Nonce: rand.Text(), ID: id})
	return string(text), err
}

func parseHead(kv *mvccpb.KeyValue) (head, error) {
	h := head{rev: kv.ModRevision, version: kv.Version}
	if err := json.Unmarshal(kv.Value, &h); err != nil {
		return head{}, damaged(string(kv.Key), err)
	}
	return h, nil
}

// cursor is the place behind the write that put h.
func (h head) cursor() store.Cursor {
	return store.Cursor(h.Nonce + ":" + strconv.FormatInt(h.rev, 10))
}

func (h head) change() store.Change { return store.Change{Rev: store.Rev(h.rev), ID: h.ID} }

// revOf returns the revision at which the head of cursor c was put, and whether
// it has one.
func revOf(c store.Cursor) (int64, bool) {
	nonce, digits, _ := strings.Cut(string(c), ":")
	rev, err := strconv.ParseInt(digits, 10, 64)
	return rev, err == nil && rev > 0 && head{Nonce: nonce, rev: rev}.cursor() == c
}

// Head implements [store.Store].
func (s *Store) Head(ctx context.Context) (store.Cursor, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer c.end()
	none, err := newHead(uuid.Nil) // before the first write
	if err != nil {
		return "", err
	}
	found, err := s.getOrPut(c, s.keys.head(), none)
	if err != nil {
		return "", c.readFailed(err)
	}
	h, err := parseHead(found)
	if err != nil {
		return "", err
	}
	return h.cursor(), nil
}

// Changes implements [store.Store]. The feed reaches back to the cluster's last
// compaction.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return store.Batch{}, err
	}
	defer c.end()
	if err := store.ValidateLimit(limit); err != nil {
		return store.Batch{}, err
	}
	rev, ok := revOf(after)
	if !ok {
		return store.Batch{}, cursorExpired("it is not of this store")
	}
	// That the batch is caught up rests on this linearizable read alone, never
	// on what a watch has or has not told.
	now, err := s.headAt(c, 0)
	if err != nil {
		return store.Batch{}, c.feedFailed(err)
	}
	if now.cursor() == after {
		return store.Batch{Next: after, CaughtUp: true}, nil
	}
	if now.rev <= rev {
		return store.Batch{}, cursorExpired("it lies ahead of the feed")
	}
	heads, err := s.history(c, after, rev, now, limit)
	if err != nil {
		return store.Batch{}, c.feedFailed(err)
	}
	last := heads[len(heads)-1]
	batch := store.Batch{Next: last.cursor(), CaughtUp: last.rev == now.rev}
	for _, h := range heads {
		batch.Changes = append(batch.Changes, h.change())
	}
	return batch, nil
}

func cursorExpired(reason string) error {
	return fmt.Errorf("etcdstore: %w: %s", store.ErrCursorExpired, reason)
}

// errForeign says that the cursor's head is not in this history.
var errForeign = cursorExpired("it is not of this history")

// feedFailed returns what Changes says after err.
func (c *call) feedFailed(err error) error {
	switch {
	case errors.Is(err, store.ErrCursorExpired), errors.Is(err, store.ErrUnavailable):
		return err
	case errors.Is(err, rpctypes.ErrCompacted):
		return cursorExpired("the feed was compacted")
	}
	return c.readFailed(err)
}

// headAt returns the head as it stood at the revision rev, 0 for now.
func (s *Store) headAt(c *call, rev int64) (head, error) {
	found, err := s.reads.Get(c, s.keys.head(), clientv3.WithRev(rev))
	switch {
	case err != nil:
		return head{}, err
	case len(found.Kvs) == 0:
		return head{}, errForeign
	}
	return parseHead(found.Kvs[0])
}

// fewSteps is how many heads are read one by one. Each costs a round trip, and
// a watch at an old revision costs up to the 100 milliseconds after which etcd
// looks at those next.
const fewSteps = 16

// history returns the heads after the cursor, which stands at rev, up to now:
// at least one, and at most limit.
func (s *Store) history(c *call, after store.Cursor, rev int64, now head, limit int) ([]head, error) {
	if now.rev-rev > fewSteps { // which may be others' writes: etcd counts ours
		start, err := s.headAt(c, rev)
		switch {
		case errors.Is(err, rpctypes.ErrCompacted): // but there may be few steps to it
		case err != nil:
			return nil, err
		case start.cursor() != after:
			return nil, errForeign
		case now.version-start.version > fewSteps:
			return s.watched(c, rev, now, limit)
		}
	}
	heads := []head{now}
	for oldest := now; len(heads) <= fewSteps; {
		// The head that stood just before this one was put.
		before, err := s.headAt(c, oldest.rev-1)
		switch {
		case err != nil:
			return nil, err
		case before.cursor() == after: // no head of another history has its nonce
			slices.Reverse(heads)
			return heads[:min(limit, len(heads))], nil
		case before.rev <= rev:
			return nil, errForeign
		}
		oldest = before
		heads = append(heads, before)
	}
	start, err := s.headAt(c, rev)
	if err != nil {
		return nil, err
	}
	if start.cursor() != after {
		return nil, errForeign
	}
	return s.watched(c, rev, now, limit)
}

// watched returns at most limit heads put after the revision rev, up to now.
func (s *Store) watched(c *call, rev int64, now head, limit int) ([]head, error) {
	ctx, cancel := context.WithCancel(c)
	defer cancel()
	var heads []head
	for answer := range s.watcher.Watch(ctx, s.keys.head(), clientv3.WithRev(rev+1)) {
		if err := answer.Err(); err != nil {
			return nil, err
		}
		for _, event := range answer.Events {
			if event.Type != clientv3.EventTypePut {
				return nil, errForeign // an operator deleted the head, and all else it may be
			}
			h, err := parseHead(event.Kv)
			if err != nil {
				return nil, err
			}
			heads = append(heads, h)
			if len(heads) == limit || h.rev >= now.rev {
				return heads, nil
			}
		}
	}
	return nil, errors.New("the watch was lost")
}
