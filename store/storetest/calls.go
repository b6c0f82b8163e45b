package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A call is one call of a store's method, of which only the error counts.
type call struct {
	what string
	do   func(ctx context.Context) error
}

// validCalls are a call of every method but Close on s, where r stands and
// which is at the cursor head.
func validCalls(s store.Store, r store.Record, head store.Cursor) []call {
	return append(writes(s, r), []call{
		{"Get", func(ctx context.Context) error { _, err := s.Get(ctx, r.ID); return err }},
		{"GetByName", func(ctx context.Context) error { _, err := s.GetByName(ctx, r.Registry, r.Name); return err }},
		{"List", func(ctx context.Context) error {
			_, err := s.List(ctx, store.Query{AllRegistries: true, Limit: 1})
			return err
		}},
		{"Expired", func(ctx context.Context) error { _, err := s.Expired(ctx, store.MaxTime, 1); return err }},
		{"Head", func(ctx context.Context) error { _, err := s.Head(ctx); return err }},
		{"Changes", func(ctx context.Context) error { _, err := s.Changes(ctx, head, 1); return err }},
	}...)
}

// writes are a creation, a replacement and a deletion, on s where r stands.
func writes(s store.Store, r store.Record) []call {
	return []call{
		{"Put, to create,", func(ctx context.Context) error {
			_, err := s.Put(ctx, newRecord(r.Registry, "new"))
			return err
		}},
		{"Put, to replace,", func(ctx context.Context) error { _, err := s.Put(ctx, r); return err }},
		{"Delete", func(ctx context.Context) error { _, err := s.Delete(ctx, r.ID, r.Rev); return err }},
	}
}

func invalidRejected(t *trial) {
	there := t.create(t.a, "registry", "name")
	head := t.head(t.a)
	tooLong, noUTF8, nul := strings.Repeat("n", store.MaxName+1), "\xff", "a\x00b"

	var calls []call
	for what, spoil := range map[string]func(r *store.Record){
		"the nil UUID":           func(r *store.Record) { r.ID = uuid.Nil },
		"an empty name":          func(r *store.Record) { r.Name = "" },
		"too long a name":        func(r *store.Record) { r.Name = tooLong },
		"a name not in UTF-8":    func(r *store.Record) { r.Name = noUTF8 },
		"NUL in the name":        func(r *store.Record) { r.Name = nul },
		"too long a registry":    func(r *store.Record) { r.Registry = tooLong },
		"no UTF-8 registry":      func(r *store.Record) { r.Registry = noUTF8 },
		"NUL in the registry":    func(r *store.Record) { r.Registry = nul },
		"a negative revision":    func(r *store.Record) { r.Rev = -1 },
		"too much Data":          func(r *store.Record) { r.Data = make([]byte, store.MaxData+1) },
		"a time before MinTime":  func(r *store.Record) { r.ExpiresAt = store.MinTime.AddDate(-1, 0, 0) },
		"a time after MaxTime":   func(r *store.Record) { r.ExpiresAt = store.MaxTime.Add(time.Millisecond) },
		"part of a millisecond":  func(r *store.Record) { r.ExpiresAt = time.Unix(1, 1) },
		"time below the minimum": func(r *store.Record) { r.ExpiresAt = store.MinTime.Add(-1) },
	} {
		for _, r := range []store.Record{newRecord("registry", "new"), there} {
			spoil(&r)
			calls = append(calls, call{"Put with " + what, func(ctx context.Context) error {
				_, err := t.a.Put(ctx, r)
				return err
			}})
		}
	}
	for what, q := range map[string]store.Query{
		"limit 0":                   {Registry: "registry"},
		"limit -1":                  {Registry: "registry", Limit: -1},
		"all registries and one":    {AllRegistries: true, Registry: "registry", Limit: 1},
		"too long a registry":       {Registry: tooLong, Limit: 1},
		"a registry not in UTF-8":   {Registry: noUTF8, Limit: 1},
		"NUL in the registry":       {Registry: nul, Limit: 1},
		"too long a prefix":         {Registry: "registry", NamePrefix: tooLong, Limit: 1},
		"a prefix not in UTF-8":     {Registry: "registry", NamePrefix: noUTF8, Limit: 1},
		"NUL in the prefix":         {Registry: "registry", NamePrefix: nul, Limit: 1},
		"an After that is no mark":  {Registry: "registry", After: "\xff\x00 no mark", Limit: 1},
		"an After of one odd quote": {AllRegistries: true, After: "'", Limit: 1},
	} {
		calls = append(calls, call{"List with " + what, func(ctx context.Context) error {
			_, err := t.a.List(ctx, q)
			return err
		}})
	}
	for _, limit := range []int{0, -1} {
		calls = append(calls,
			call{"Expired with a limit below 1", func(ctx context.Context) error {
				_, err := t.a.Expired(ctx, store.MaxTime, limit)
				return err
			}},
			call{"Changes with a limit below 1", func(ctx context.Context) error {
				_, err := t.a.Changes(ctx, head, limit)
				return err
			}},
			call{"Delete of a revision below 1", func(ctx context.Context) error {
				_, err := t.a.Delete(ctx, there.ID, store.Rev(limit))
				return err
			}})
	}
	t.unchanged(func() {
		for _, c := range calls {
			t.wantError(c.do(t.ctx), store.ErrInvalid, "%s", c.what)
		}
		t.rejectImpossibleKeys(tooLong, noUTF8, nul)
	})
	t.wantRecord(t.b, there)
}

// rejectImpossibleKeys looks for what no record can have: whether that is
// invalid or not found is the store's choice, but nothing else is.
func (t *trial) rejectImpossibleKeys(texts ...string) {
	t.Helper()
	wantEither := func(err error, what string) {
		t.Helper()
		if !errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%s returned %v, want ErrInvalid or ErrNotFound", what, err)
		}
	}
	_, err := t.a.Get(t.ctx, uuid.Nil)
	wantEither(err, "Get of the nil UUID")
	_, err = t.a.Delete(t.ctx, uuid.Nil, 1)
	wantEither(err, "Delete of the nil UUID")
	for _, text := range append(texts, "") {
		_, err = t.a.GetByName(t.ctx, "registry", text)
		wantEither(err, "GetByName with an impossible name")
	}
	for _, text := range texts {
		_, err = t.a.GetByName(t.ctx, text, "name")
		wantEither(err, "GetByName with an impossible registry")
	}
}

func cancelledContextWritesNothing(t *trial) {
	r := t.create(t.a, "registry", "name")
	start := t.head(t.a)
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	late, cancel := context.WithDeadline(t.ctx, time.Unix(1, 0))
	defer cancel()
	t.unchanged(func() {
		for _, c := range validCalls(t.a, r, start) {
			for _, ctx := range []context.Context{cancelled, late} {
				err := c.do(ctx)
				t.wantError(err, ctx.Err(), "%s with a context that had ended", c.what)
				if errors.Is(err, store.ErrUnknown) {
					t.Fatalf("%s with a context that had ended claims not to know what it did: %v", c.what, err)
				}
			}
		}
	})
	if changes, _ := t.drain(t.b, start, 10); len(changes) != 0 {
		t.Fatalf("calls with contexts that had ended made the changes %v", changes)
	}
	t.wantRecord(t.b, t.put(t.a, r)) // and the store is none the worse for it
}

func useAfterClose(t *trial) {
	r := t.create(t.a, "registry", "name")
	head := t.head(t.a)
	calls := validCalls(t.a, r, head)
	if w, is := t.a.(store.Waiter); is {
		calls = append(calls, call{"Wait", func(ctx context.Context) error { return w.Wait(ctx, head) }})
	}
	for range 2 {
		if err := t.a.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		for _, c := range calls {
			t.wantError(c.do(t.ctx), store.ErrClosed, "%s after Close", c.what)
		}
	}
}
