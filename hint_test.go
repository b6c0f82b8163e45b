package regtoken_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A prompter is a remote store that says when there is something new, or not.
type prompter struct {
	*remote
	wait func(ctx context.Context, after store.Cursor) error
}

func (p *prompter) Wait(ctx context.Context, after store.Cursor) error { return p.wait(ctx, after) }

// TestLiveHints has a Waiter tell the truth, lie, hang and fail: it may only
// make things quicker.
func TestLiveHints(t *testing.T) {
	memory := func(f *fleet) *memstore.Store { return f.remote.Store.(*memstore.Store) }
	for _, test := range []struct {
		name   string
		wait   func(f *fleet, ctx context.Context, after store.Cursor, end <-chan struct{}) error
		within time.Duration
	}{
		{"true", func(f *fleet, ctx context.Context, after store.Cursor, _ <-chan struct{}) error {
			return memory(f).Wait(ctx, after)
		}, poll / 10},
		{"always", func(*fleet, context.Context, store.Cursor, <-chan struct{}) error { return nil }, poll / 10},
		{"never", func(_ *fleet, ctx context.Context, _ store.Cursor, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}, poll},
		{"hangs", func(_ *fleet, _ context.Context, _ store.Cursor, end <-chan struct{}) error { <-end; return nil }, poll},
		{"fails", func(*fleet, context.Context, store.Cursor, <-chan struct{}) error { return errNetwork }, poll},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fleet{remote: &remote{Store: memstore.New()}}
				var waits atomic.Int64
				end := make(chan struct{}) // of the test
				defer close(end)
				p := &prompter{f.remote, func(ctx context.Context, after store.Cursor) error {
					waits.Add(1)
					return test.wait(f, ctx, after, end)
				}}
				var err error
				f.Manager, err = regtoken.NewManager(p, nil)
				require.NoError(t, err)
				f.admin, err = regtoken.NewManager(f.remote.Store, nil)
				require.NoError(t, err)
				stop := f.run(t)
				for i := range 3 {
					token, c := f.create(t, fmt.Sprintf("token-%d", i))
					time.Sleep(time.Second)
					synctest.Wait()
					f.wantReads(t, 1, c)
					f.wantReads(t, 0, c)
					require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
					time.Sleep(test.within)
					synctest.Wait()
					_, err = f.logIn(t, c)
					require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				}
				require.Less(t, f.Stats().FeedReads, uint64(200), "it does not spin")
				require.Less(t, waits.Load(), int64(200))
				begin := time.Now()
				stop()
				require.LessOrEqual(t, time.Since(begin), time.Second)
			})
		})
	}
}
