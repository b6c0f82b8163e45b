package regtoken_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// TestLoginsShareReads has many log in at once, with the store slow: those with
// the same name share, and of others only so many are asked for at a time.
func TestLoginsShareReads(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		var under, most atomic.Int64
		f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
			n := under.Add(1)
			defer under.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond)
			return next()
		})
		const logins = 1000
		_, c := f.create(t, "abc")
		logInAll := func(name func(i int) string, want error) {
			var all sync.WaitGroup
			for i := range logins {
				all.Go(func() {
					login := c.Login()
					login.Name = name(i)
					_, err := f.Authenticate(t.Context(), login)
					if !errors.Is(err, want) {
						t.Errorf("%s: %v", login.Name, err)
					}
				})
			}
			all.Wait()
		}
		logInAll(func(int) string { return "abc" }, nil)
		require.LessOrEqual(t, f.remote.reads.Load(), int64(2), "one that some waited for, and the next")
		require.EqualValues(t, 1, most.Load())

		logInAll(func(i int) string { return fmt.Sprintf("junk-%d", i) }, regtoken.ErrUnauthenticated)
		require.EqualValues(t, 64, most.Load())
		f.wantReads(t, 0, c)
	})
}

// TestLoginsDoNotShareOlderReads begins a login after a change, while a read
// from before it is still on its way.
func TestLoginsDoNotShareOlderReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{remote: &remote{Store: memstore.New()}}
		var err error
		f.Manager, err = regtoken.NewManager(f.remote, nil) // no Run: every login reads
		require.NoError(t, err)
		f.admin, err = regtoken.NewManager(f.remote.Store, nil)
		require.NoError(t, err)
		token, c := f.create(t, "abc")

		read, goOn := make(chan struct{}), make(chan struct{})
		f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
			f.remote.lookUp.set(through)
			r, err := next()
			close(read)
			<-goOn
			return r, err
		})
		early, late := make(chan error, 1), make(chan error, 2)
		logIn := func(ctx context.Context, result chan<- error) {
			_, err := f.Authenticate(ctx, c.Login())
			result <- err
		}
		go logIn(t.Context(), early)
		<-read
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))

		leaving, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go logIn(leaving, left) // it leads those that follow, and leaves
		synctest.Wait()
		for range 2 {
			go logIn(t.Context(), late)
		}
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-left, regtoken.ErrUnavailable)
		synctest.Wait()
		close(goOn)
		require.NoError(t, <-early)
		for range 2 {
			require.ErrorIs(t, <-late, regtoken.ErrUnauthenticated)
		}
	})
}

// TestLoginsOutliveWhoReadsForThem has the one that reads for others leave half
// way.
func TestLoginsOutliveWhoReadsForThem(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		_, c := f.create(t, "abc")
		goOn := make(chan struct{})
		f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
			f.remote.lookUp.set(silent)
			<-goOn
			return next()
		})
		logIn := func(ctx context.Context) <-chan error {
			result := make(chan error, 1)
			go func() {
				login := c.Login()
				login.Password = regtoken.NewPassword(currentSecret) // a wrong one: the right one is kept, and nobody reads
				_, err := f.Authenticate(ctx, login)
				result <- err
			}()
			synctest.Wait()
			return result
		}
		first := logIn(t.Context())
		leaving, leave := context.WithCancel(t.Context())
		reader := logIn(leaving)
		others := []<-chan error{logIn(t.Context()), logIn(t.Context())}
		close(goOn)
		require.ErrorIs(t, <-first, regtoken.ErrUnauthenticated)
		synctest.Wait() // the reader is at it, and gets no answer
		f.remote.lookUp.set(through)
		leave()
		require.ErrorIs(t, <-reader, regtoken.ErrUnavailable)
		for _, other := range others {
			require.ErrorIs(t, <-other, regtoken.ErrUnauthenticated, "not the end of another's patience")
		}
	})
}

func TestStoreTimeout(t *testing.T) {
	inFleet(t, regtoken.Options{StoreTimeout: 3 * time.Second}, func(t *testing.T, f *fleet) {
		_, c := f.create(t, "abc")
		f.remote.lookUp.set(silent)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				begin := time.Now()
				_, err := f.Authenticate(t.Context(), c.Login())
				if !errors.Is(err, regtoken.ErrUnavailable) || time.Since(begin) > 3*time.Second {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
			})
		}
		all.Wait()
		f.remote.lookUp.set(through)
		f.wantReads(t, 1, c)
	})
}
