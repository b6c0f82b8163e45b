package regtoken_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

var errNetwork = errors.New("connection reset")

// A hooked store calls its hooks around the calls of the store it wraps; a nil
// hook is none.
type hooked struct {
	store.Store

	mu     sync.Mutex
	put    func(ctx context.Context, r store.Record, next func() (store.Rev, error)) (store.Rev, error)
	remove func(ctx context.Context, id uuid.UUID, rev store.Rev, next func() (store.Rev, error)) (store.Rev, error)
	read   func(ctx context.Context) error
	fold   bool // names without regard to case, lists without regard to registry
	calls  map[string]int
}

func (h *hooked) count(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == nil {
		h.calls = map[string]int{}
	}
	h.calls[call]++
}

// Calls returns how often each method was called since it was last asked.
func (h *hooked) Calls() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = nil
	return calls
}

func (h *hooked) beforeRead(ctx context.Context, call string) error {
	h.count(call)
	if h.read == nil {
		return nil
	}
	return h.read(ctx)
}

func (h *hooked) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	if err := h.beforeRead(ctx, "Get"); err != nil {
		return store.Record{}, err
	}
	return h.Store.Get(ctx, id)
}

func (h *hooked) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	if err := h.beforeRead(ctx, "GetByName"); err != nil {
		return store.Record{}, err
	}
	if h.fold {
		name = strings.ToLower(name)
	}
	return h.Store.GetByName(ctx, registry, name)
}

func (h *hooked) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := h.beforeRead(ctx, "List"); err != nil {
		return store.Page{}, err
	}
	if h.fold {
		q.Registry, q.AllRegistries = "", true
	}
	return h.Store.List(ctx, q)
}

func (h *hooked) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := h.beforeRead(ctx, "Expired"); err != nil {
		return nil, err
	}
	return h.Store.Expired(ctx, until, limit)
}

func (h *hooked) Put(ctx context.Context, r store.Record) (store.Rev, error) {
	h.count("Put")
	next := func() (store.Rev, error) { return h.Store.Put(ctx, r) }
	if h.put == nil {
		return next()
	}
	return h.put(ctx, r, next)
}

func (h *hooked) Delete(ctx context.Context, id uuid.UUID, rev store.Rev) (store.Rev, error) {
	h.count("Delete")
	next := func() (store.Rev, error) { return h.Store.Delete(ctx, id, rev) }
	if h.remove == nil {
		return next()
	}
	return h.remove(ctx, id, rev, next)
}
