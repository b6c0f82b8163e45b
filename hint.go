package regtoken

import (
	"context"
	"time"

	"github.com/regtoken/regtoken/store"
)

// A hint is what a store's Waiter is good for: an early look at the feed. It
// may come late, for nothing, or never.
type hint struct {
	waiter store.Waiter // nil: there is none
	retry  time.Duration
	ctx    context.Context // of every Wait
	cancel context.CancelFunc
	wait   chan struct{} // closed when the one Wait under way has ended; nil if none is
}

func newHint(ctx context.Context, s store.Store, retry time.Duration) *hint {
	h := &hint{retry: retry}
	h.waiter, _ = s.(store.Waiter)
	h.ctx, h.cancel = context.WithCancel(ctx)
	return h
}

// await returns what is closed when there may be changes behind the cursor. A
// Wait that is still under way from before is as good as a new one.
func (h *hint) await(cursor *store.Cursor) <-chan struct{} {
	select {
	case <-h.wait:
		h.wait = nil
	default:
	}
	if h.wait == nil && h.waiter != nil && cursor != nil {
		wait := make(chan struct{})
		h.wait = wait
		go func() {
			defer close(wait)
			if h.waiter.Wait(h.ctx, *cursor) != nil {
				_ = sleep(h.ctx, h.retry) // a Waiter that fails is not asked all the time
			}
		}()
	}
	return h.wait
}

// stop ends the Wait under way. One that does not end is left behind.
func (h *hint) stop() {
	h.cancel()
	if h.wait == nil {
		return
	}
	select {
	case <-h.wait:
	case <-time.After(hintPatience):
	}
}
