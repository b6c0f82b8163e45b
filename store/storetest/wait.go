package storetest

import (
	"context"
	"errors"

	"github.com/regtoken/regtoken/store"
)

// waitWakesAndHonoursContext leaves a Waiter the freedom to return early: it
// is a hint. What it must not do is sleep through a write, through the end of
// its context or through Close.
func waitWakesAndHonoursContext(t *trial) {
	start := t.head(t.a)
	r := t.create(t.b, "registry", "name")
	if err := t.waitDuring(t.ctx, t.a, start, func() {}); err != nil {
		t.Fatalf("Wait after a cursor that has changes after it: %v", err)
	}
	for range 3 {
		head := t.head(t.a)
		if err := t.waitDuring(t.ctx, t.a, head, func() { r = t.put(t.b, r) }); err != nil {
			t.Fatalf("Wait, while a write was made: %v", err)
		}
	}

	ctx, cancel := context.WithCancel(t.ctx)
	if err := t.waitDuring(ctx, t.a, t.head(t.a), cancel); err != nil {
		t.wantError(err, context.Canceled, "Wait, while its context was cancelled,")
	}
	t.wantError(t.waitDuring(ctx, t.a, t.head(t.a), func() {}), context.Canceled, "Wait with a context that had ended")

	err := t.waitDuring(t.ctx, t.a, t.head(t.a), func() {
		if err := t.a.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	})
	if err != nil {
		t.wantError(err, store.ErrClosed, "Wait, while the store was closed,")
	}
}

// waitDuring returns what Wait does while meanwhile runs.
func (t *trial) waitDuring(ctx context.Context, s store.Store, after store.Cursor, meanwhile func()) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- s.(store.Waiter).Wait(ctx, after) }()
	meanwhile()
	select {
	case err := <-result:
		if errors.Is(err, context.DeadlineExceeded) && t.ctx.Err() != nil {
			t.Fatal("Wait slept until the hang guard woke it")
		}
		return err
	case <-t.ctx.Done():
		t.Fatal("Wait does not return")
		return nil
	}
}
