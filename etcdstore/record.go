package etcdstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/regtoken/regtoken/store"
)

// fields is the first line of a record's value; its Data follow as they are.
// They are not part of the JSON because they may be 1 MiB, and would no longer
// fit into the 1.5 MiB that etcd allows a request if they were encoded.
type fields struct {
	ID        uuid.UUID `json:"id"`
	ExpiresAt string    `json:"expiresAt,omitempty"`
}

// encode returns the value of r. Registry and Name are in its key.
func encode(r store.Record) (string, error) {
	f := fields{ID: r.ID}
	if !r.ExpiresAt.IsZero() {
		f.ExpiresAt = formatTime(r.ExpiresAt)
	}
	line, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return string(line) + "\n" + string(r.Data), nil
}

// decode returns the record that is kept as kv.
func (k keys) decode(kv *mvccpb.KeyValue) (store.Record, error) {
	r, err := k.parse(kv)
	if err != nil {
		return store.Record{}, damaged(string(kv.Key), err)
	}
	return r, nil
}

func (k keys) parse(kv *mvccpb.KeyValue) (store.Record, error) {
	line, data, _ := bytes.Cut(kv.Value, []byte("\n"))
	var f fields
	if err := json.Unmarshal(line, &f); err != nil {
		return store.Record{}, err
	}
	r := store.Record{ID: f.ID, Data: data, Rev: store.Rev(kv.ModRevision)}
	var err error
	if r.Registry, r.Name, err = k.name(kv.Key).parts(); err != nil {
		return store.Record{}, err
	}
	if f.ExpiresAt != "" {
		if r.ExpiresAt, err = time.Parse(timeForm, f.ExpiresAt); err != nil {
			return store.Record{}, err
		}
	}
	return r, nil
}

func (k keys) decodeAll(kvs []*mvccpb.KeyValue) ([]store.Record, error) {
	records := make([]store.Record, len(kvs))
	for i, kv := range kvs {
		var err error
		if records[i], err = k.decode(kv); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func damaged(key string, err error) error {
	return fmt.Errorf("etcdstore: %w: %q is not what this store writes: %w", store.ErrUnavailable, key, err)
}
