package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A trial is one case under way: the test it reports to, and the store.
// Its methods end the case where the store answers otherwise than they say;
// they are for the goroutine of the case only.
type trial struct {
	testing.TB
	h    Harness
	ctx  context.Context // ends with the hang guard
	a, b store.Store     // two handles on the same data; the same one if there is no second
}

func (t *trial) open() store.Store {
	t.Helper()
	s := t.h.Open(t.TB)
	t.closeLater(s)
	return s
}

func (t *trial) closeLater(s store.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// newRecord returns a record to create.
func newRecord(registry, name string) store.Record {
	return store.Record{ID: uuid.New(), Registry: registry, Name: name, Data: []byte("the data of " + name)}
}

// put writes r and returns it as it now stands.
func (t *trial) put(s store.Store, r store.Record) store.Record {
	t.Helper()
	rev, err := s.Put(t.ctx, r)
	if err != nil {
		t.Fatalf("Put(%s): %v", describe(r), err)
	}
	if rev < 1 || rev <= r.Rev {
		t.Fatalf("Put(%s) returned revision %d", describe(r), rev)
	}
	r.Rev = rev
	return r
}

// create writes a new record and returns it as it now stands.
func (t *trial) create(s store.Store, registry, name string) store.Record {
	t.Helper()
	return t.put(s, newRecord(registry, name))
}

func (t *trial) delete(s store.Store, r store.Record) store.Rev {
	t.Helper()
	rev, err := s.Delete(t.ctx, r.ID, r.Rev)
	if err != nil {
		t.Fatalf("Delete(%s): %v", describe(r), err)
	}
	if rev <= r.Rev {
		t.Fatalf("Delete(%s) returned revision %d", describe(r), rev)
	}
	return rev
}

// wantRecord checks that want is there, by its ID and by its name.
func (t *trial) wantRecord(s store.Store, want store.Record) {
	t.Helper()
	got, err := s.Get(t.ctx, want.ID)
	if err != nil {
		t.Fatalf("Get(%s): %v", describe(want), err)
	}
	t.wantSame("Get", got, want)
	got, err = s.GetByName(t.ctx, want.Registry, want.Name)
	if err != nil {
		t.Fatalf("GetByName(%s): %v", describe(want), err)
	}
	t.wantSame("GetByName", got, want)
}

// wantNoID checks that there is no record with this ID.
func (t *trial) wantNoID(s store.Store, id uuid.UUID) {
	t.Helper()
	_, err := s.Get(t.ctx, id)
	t.wantError(err, store.ErrNotFound, "Get(%s)", id)
}

// wantNoName checks that there is no record of this name.
func (t *trial) wantNoName(s store.Store, registry, name string) {
	t.Helper()
	_, err := s.GetByName(t.ctx, registry, name)
	t.wantError(err, store.ErrNotFound, "GetByName(%q, %q)", registry, name)
}

// wantError checks that err wraps want; what it was is told by the rest.
func (t *trial) wantError(err, want error, format string, args ...any) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s returned the error %q, want one that wraps %q", fmt.Sprintf(format, args...), fmt.Sprint(err), want)
	}
}

// wantSame checks that a record is exactly as expected.
func (t *trial) wantSame(what string, got, want store.Record) {
	t.Helper()
	if wrong := difference(got, want); wrong != "" {
		t.Fatalf("%s of %s: %s", what, describe(want), wrong)
	}
}

// wantAll checks that a list of records is exactly as expected.
func (t *trial) wantAll(what string, got, want []store.Record) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		t.wantSame(fmt.Sprintf("%s: record %d", what, i), got[i], want[i])
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %d records, want %d", what, len(got), len(want))
	}
}

// unchanged runs attempt and checks that the records are as they were.
func (t *trial) unchanged(attempt func()) {
	t.Helper()
	before := t.list(t.a, store.Query{AllRegistries: true, Limit: 100})
	attempt()
	t.wantAll("after calls that failed", t.list(t.b, store.Query{AllRegistries: true, Limit: 100}), before)
}

// difference says where got is not want, "" if nowhere.
func difference(got, want store.Record) string {
	var wrong []string
	differ := func(field string, got, want any) {
		wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", field, got, want))
	}
	if got.ID != want.ID {
		differ("ID", got.ID, want.ID)
	}
	if got.Registry != want.Registry {
		differ("Registry", fmt.Sprintf("%q", got.Registry), fmt.Sprintf("%q", want.Registry))
	}
	if got.Name != want.Name {
		differ("Name", fmt.Sprintf("%q", got.Name), fmt.Sprintf("%q", want.Name))
	}
	if !got.ExpiresAt.Equal(want.ExpiresAt) || got.ExpiresAt.Location() != time.UTC {
		differ("ExpiresAt", got.ExpiresAt, want.ExpiresAt.UTC())
	}
	if !bytes.Equal(got.Data, want.Data) {
		differ("Data", fmt.Sprintf("%d bytes %.40q", len(got.Data), got.Data), fmt.Sprintf("%d bytes %.40q", len(want.Data), want.Data))
	}
	if got.Rev != want.Rev {
		differ("Rev", got.Rev, want.Rev)
	}
	return strings.Join(wrong, "; ")
}

func describe(r store.Record) string { return fmt.Sprintf("%q/%q at %d", r.Registry, r.Name, r.Rev) }

// together runs calls at the same time and returns when all have returned.
func together(calls ...func()) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, call := range calls {
		all.Go(func() {
			<-start
			call()
		})
	}
	close(start)
	all.Wait()
}
