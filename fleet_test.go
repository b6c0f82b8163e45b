package regtoken_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A remote store is shared with other processes, as far as its Manager can
// tell. Hooks stand between the two; a nil hook is none.
type remote struct {
	store.Store
	lookUp  hook[store.Record] // Get and GetByName
	changes hook[store.Batch]
	head    hook[store.Cursor]
	write   hook[store.Rev] // Put and Delete
	reads   atomic.Int64    // calls of Get and GetByName
	writes  atomic.Int64    // calls of Put and Delete
	batch   atomic.Int64    // the most changes at once; 0: as asked for
}

// A hook answers a call in a store's place, or hands on what it does.
type hook[T any] struct {
	atomic.Pointer[func(ctx context.Context, next func() (T, error)) (T, error)]
}

func (h *hook[T]) set(f func(ctx context.Context, next func() (T, error)) (T, error)) { h.Store(&f) }

func (h *hook[T]) call(ctx context.Context, next func() (T, error)) (T, error) {
	if f := h.Load(); f != nil {
		return (*f)(ctx, next)
	}
	return next()
}

func (r *remote) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	r.reads.Add(1)
	return r.lookUp.call(ctx, func() (store.Record, error) { return r.Store.Get(ctx, id) })
}

func (r *remote) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	r.reads.Add(1)
	return r.lookUp.call(ctx, func() (store.Record, error) { return r.Store.GetByName(ctx, registry, name) })
}

func (r *remote) Put(ctx context.Context, rec store.Record) (store.Rev, error) {
	r.writes.Add(1)
	return r.write.call(ctx, func() (store.Rev, error) { return r.Store.Put(ctx, rec) })
}

func (r *remote) Delete(ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
	r.writes.Add(1)
	return r.write.call(ctx, func() (store.Rev, error) { return r.Store.Delete(ctx, id, ifRev) })
}

func (r *remote) Changes(ctx context.Context, after store.Cursor, limit int) (store.Batch, error) {
	if batch := r.batch.Load(); batch > 0 {
		limit = int(batch)
	}
	return r.changes.call(ctx, func() (store.Batch, error) { return r.Store.Changes(ctx, after, limit) })
}

func (r *remote) Head(ctx context.Context) (store.Cursor, error) {
	return r.head.call(ctx, func() (store.Cursor, error) { return r.Store.Head(ctx) })
}

// cut answers like a store that cannot be reached.
func cut[T any](context.Context, func() (T, error)) (none T, err error) {
	return none, fmt.Errorf("%w: %w", store.ErrUnavailable, errNetwork)
}

// silent answers nothing until the call is given up.
func silent[T any](ctx context.Context, _ func() (T, error)) (none T, err error) {
	<-ctx.Done()
	return none, ctx.Err()
}

func through[T any](_ context.Context, next func() (T, error)) (T, error) { return next() }

// A fleet is a front-end that follows a remote store, and the Manager of
// another process that changes what is in it.
type fleet struct {
	*regtoken.Manager // the front-end
	remote            *remote
	admin             *regtoken.Manager
	log               *log
}

// inFleet runs a test in a bubble of synctest, with the front-end's Run under
// way, and at rest after its first look.
func inFleet(t *testing.T, opts regtoken.Options, test func(t *testing.T, f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		memory := memstore.New()
		f := &fleet{remote: &remote{Store: memory}, log: &log{}}
		opts.Observers = []regtoken.Observer{f.log.Observe}
		var err error
		f.Manager, err = regtoken.NewManager(f.remote, &opts)
		require.NoError(t, err)
		f.admin, err = regtoken.NewManager(memory, nil)
		require.NoError(t, err)
		f.run(t)
		test(t, f)
	})
}

// run starts a Run of the front-end, and returns what ends it.
func (f *fleet) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	synctest.Wait()
	return stop
}

func (f *fleet) create(t *testing.T, name string) (regtoken.Token, regtoken.Credential) {
	t.Helper()
	token, credential, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: name, Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	require.NoError(t, err)
	return token, credential
}

// logIn authenticates, and returns how often the store was asked for it.
func (f *fleet) logIn(t *testing.T, c regtoken.Credential) (reads int64, err error) {
	t.Helper()
	before := f.remote.reads.Load()
	_, err = f.Authenticate(t.Context(), c.Login())
	return f.remote.reads.Load() - before, err
}

// wantReads logs in and requires that the store was asked so many times.
func (f *fleet) wantReads(t *testing.T, want int64, c regtoken.Credential) {
	t.Helper()
	reads, err := f.logIn(t, c)
	require.NoError(t, err)
	require.Equal(t, want, reads)
}

const (
	bound = 2 * time.Second // the default
	poll  = bound / 4
)
