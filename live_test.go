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
	reads   atomic.Int64 // calls of Get and GetByName
	batch   atomic.Int64 // the most changes at once; 0: as asked for
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

func TestLiveHitsAskNothing(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		for range 100 {
			f.wantReads(t, 0, c)
			grant, err := f.GrantFor(t.Context(), token.ID, c.SecretID)
			require.NoError(t, err)
			require.NoError(t, grant.Authorize("a", regtoken.Pull))
			time.Sleep(time.Second)
		}
		stats := f.Stats()
		require.EqualValues(t, 200, stats.Hits)
		require.EqualValues(t, 1, stats.Misses)
		require.EqualValues(t, 1, stats.StoreReads)
		require.Equal(t, 1, stats.CachedTokens)
		require.True(t, stats.Fresh)
		require.LessOrEqual(t, stats.Staleness, poll)
		require.Zero(t, stats.FeedErrors)
	})
}

// TestLiveRevocation revokes in every way, and looks at once, within the bound
// and after it.
func TestLiveRevocation(t *testing.T) {
	for _, revocation := range []struct {
		name   string
		revoke func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error
		check  func(g *regtoken.Grant, err error) error
	}{
		{"disabled", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
			_, err := m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
			return err
		}, nil},
		{"deleted", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error { return m.DeleteToken(ctx, id) }, nil},
		{"rotated", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
			_, err := m.RotateSecret(ctx, id, 0)
			return err
		}, nil},
		{"narrowed", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
			_, err := m.RemoveAllScopes(ctx, id)
			return err
		}, func(g *regtoken.Grant, err error) error { return g.Authorize("a", regtoken.Pull) }},
	} {
		t.Run(revocation.name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				token, c := f.create(t, "abc")
				attempt := func() error {
					g, err := f.Authenticate(t.Context(), c.Login())
					if err == nil && revocation.check != nil {
						err = revocation.check(g, err)
					}
					return err
				}
				require.NoError(t, attempt())
				require.NoError(t, attempt())
				require.NoError(t, revocation.revoke(t.Context(), f.admin, token.ID))
				require.NoError(t, attempt(), "another process may not know yet: else nothing is tested here")
				time.Sleep(poll)
				synctest.Wait()
				require.Error(t, attempt(), "the feed told")
			})
			t.Run("by this process", func(t *testing.T) {
				inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
					token, c := f.create(t, "abc")
					f.wantReads(t, 1, c)
					f.wantReads(t, 0, c)
					require.NoError(t, revocation.revoke(t.Context(), f.Manager, token.ID))
					g, err := f.Authenticate(t.Context(), c.Login())
					if err == nil {
						err = revocation.check(g, err)
					}
					require.Error(t, err, "at once")
				})
			})
		})
	}
}

// TestLiveChangesThatComeToNothing finds things as they should be, since another
// process was faster: they are so for logins, too.
func TestLiveChangesThatComeToNothing(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		disable := regtoken.Edit{Status: regtoken.Disabled}
		token, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		_, err := f.admin.EditToken(t.Context(), token.ID, disable)
		require.NoError(t, err)
		f.wantReads(t, 0, c) // it does not know yet: else nothing is tested here
		_, err = f.EditToken(t.Context(), token.ID, disable)
		require.NoError(t, err)
		_, err = f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)

		token, c = f.create(t, "def")
		f.wantReads(t, 1, c)
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		f.wantReads(t, 0, c)
		require.ErrorIs(t, f.DeleteToken(t.Context(), token.ID), regtoken.ErrNotFound)
		_, err = f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestLiveNeverRefusesByItself has the store admit what the cache would not.
func TestLiveNeverRefusesByItself(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		rotated, err := f.admin.RotateSecret(t.Context(), token.ID, time.Hour)
		require.NoError(t, err)
		f.wantReads(t, 1, rotated)

		_, err = f.admin.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		time.Sleep(poll)
		synctest.Wait()
		reads, err := f.logIn(t, rotated)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		require.EqualValues(t, 1, reads)
		_, err = f.admin.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled})
		require.NoError(t, err)
		f.wantReads(t, 1, rotated)

		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		_, heir := f.create(t, "abc")
		f.wantReads(t, 1, heir)
		f.wantReads(t, 0, heir)
		time.Sleep(poll)
		synctest.Wait()
		f.wantReads(t, 0, heir) // the deletion of its forerunner does not concern it
	})
}

func TestLiveExpiryNeedsNoFeed(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		_, c, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc", Lifetime: time.Hour})
		require.NoError(t, err)
		f.wantReads(t, 1, c)
		time.Sleep(time.Hour - 1)
		f.wantReads(t, 0, c)
		time.Sleep(time.Nanosecond)
		_, err = f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestLivePoisonedFills changes a token while it is on its way from the store.
func TestLivePoisonedFills(t *testing.T) {
	for name, meanwhile := range map[string]func(t *testing.T, f *fleet, token regtoken.Token){
		"by another process": func(t *testing.T, f *fleet, token regtoken.Token) {
			require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
			time.Sleep(poll)
			synctest.Wait()
		},
		"by this process": func(t *testing.T, f *fleet, token regtoken.Token) {
			f.remote.lookUp.set(through)
			require.NoError(t, f.DeleteToken(t.Context(), token.ID))
		},
		"with the feed lost": func(t *testing.T, f *fleet, token regtoken.Token) {
			require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
			f.remote.changes.set(func(context.Context, func() (store.Batch, error)) (store.Batch, error) {
				f.remote.changes.set(through)
				return store.Batch{}, store.ErrCursorExpired
			})
			time.Sleep(poll)
			synctest.Wait()
			require.EqualValues(t, 1, f.Stats().Resets)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				token, c := f.create(t, "abc")
				read, goOn := make(chan struct{}), make(chan struct{})
				f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
					r, err := next()
					close(read)
					<-goOn
					return r, err
				})
				result := make(chan error)
				go func() {
					_, err := f.Authenticate(t.Context(), c.Login())
					result <- err
				}()
				<-read
				meanwhile(t, f, token)
				f.remote.lookUp.set(through)
				close(goOn)
				require.NoError(t, <-result, "it began before the revocation")
				require.Zero(t, f.Stats().CachedTokens)
				reads, err := f.logIn(t, c)
				require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				require.EqualValues(t, 1, reads)
			})
		})
	}
}

// TestLiveLease has the feed answer late, not at all, or wrongly.
func TestLiveLease(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(context.Context, func() (store.Batch, error)) (store.Batch, error)
	}{
		{"cut", cut[store.Batch]},
		{"silent", silent[store.Batch]},
		{"always more to come", func(_ context.Context, next func() (store.Batch, error)) (store.Batch, error) {
			time.Sleep(poll / 10)
			b, err := next()
			b.CaughtUp = false
			return b, err
		}},
		{"slower than the bound", func(_ context.Context, next func() (store.Batch, error)) (store.Batch, error) {
			b, err := next()
			time.Sleep(bound + 1)
			return b, err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				token, c := f.create(t, "abc")
				time.Sleep(poll)
				synctest.Wait()
				f.wantReads(t, 1, c)
				f.remote.changes.set(test.answer)
				lastGood := time.Now()
				time.Sleep(poll) // the lease ends bound after the last good question at the most
				synctest.Wait()
				require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
				time.Sleep(bound - time.Since(lastGood) + 1)
				synctest.Wait()
				reads, err := f.logIn(t, c)
				require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				require.EqualValues(t, 1, reads)

				f.remote.lookUp.set(cut)
				_, err = f.logIn(t, c)
				require.ErrorIs(t, err, regtoken.ErrUnavailable, "not a refusal, and no old answer")

				f.remote.lookUp.set(through)
				f.remote.changes.set(through)
				_, other := f.create(t, "other")
				time.Sleep(3 * bound)
				synctest.Wait()
				f.wantReads(t, 1, other)
				f.wantReads(t, 0, other)
			})
		})
	}
}

// TestLiveAnswersAreAsOldAsTheQuestion delays an answer of the feed within the
// bound: what happened after the question is not in it.
func TestLiveAnswersAreAsOldAsTheQuestion(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		const late = bound - poll
		answered := make(chan struct{}, 1)
		f.remote.changes.set(func(_ context.Context, next func() (store.Batch, error)) (store.Batch, error) {
			f.remote.changes.set(silent)
			b, err := next()
			time.Sleep(late)
			answered <- struct{}{}
			return b, err
		})
		time.Sleep(poll)
		synctest.Wait() // the question was answered, and the answer is on its way
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		revoked := time.Now()
		<-answered
		synctest.Wait()
		f.wantReads(t, 0, c) // the answer counts: else nothing is tested here
		time.Sleep(bound - time.Since(revoked) + 1)
		_, err := f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestLiveCountsOnlyTheEndOfTheFeed has the feed stop half way.
func TestLiveCountsOnlyTheEndOfTheFeed(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		time.Sleep(poll)
		synctest.Wait()
		f.wantReads(t, 1, c)
		f.remote.batch.Store(1)
		halfWay := func(_ context.Context, next func() (store.Batch, error)) (store.Batch, error) {
			f.remote.changes.set(silent)
			return next()
		}
		f.remote.changes.set(halfWay)
		f.create(t, "other")
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		time.Sleep(bound + 1)
		reads, err := f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		require.EqualValues(t, 1, reads)

		token, c = f.create(t, "abc")
		f.create(t, "another")
		f.remote.changes.set(through) // one by one, up to the end
		time.Sleep(2 * bound)
		synctest.Wait()
		require.True(t, f.Stats().Fresh)
		f.wantReads(t, 1, c)
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		f.create(t, "last")
		time.Sleep(poll)
		synctest.Wait()
		_, err = f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

func TestLiveStartsAnewWhenTheFeedCannotVouch(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		_, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		expired := func(context.Context, func() (store.Batch, error)) (store.Batch, error) {
			return store.Batch{}, store.ErrCursorExpired
		}
		f.remote.changes.set(expired)
		f.remote.head.set(cut)
		time.Sleep(poll)
		synctest.Wait()
		require.Zero(t, f.Stats().Resets, "it takes the new place to begin from")
		require.NotZero(t, f.Stats().FeedErrors)
		f.remote.head.set(through)
		time.Sleep(poll)
		synctest.Wait()
		f.remote.changes.set(through)
		require.NotZero(t, f.Stats().Resets)
		require.Zero(t, f.Stats().CachedTokens)
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
	})
}

func TestLiveTellsOfTheFirstFailure(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		for range 2 {
			f.log.Take()
			f.remote.changes.set(cut)
			time.Sleep(10 * poll)
			synctest.Wait()
			require.GreaterOrEqual(t, f.Stats().Staleness, 9*poll)
			require.False(t, f.Stats().Fresh)
			events := f.log.Take()
			require.Len(t, events, 1)
			require.Equal(t, regtoken.OpRefresh, events[0].Operation)
			require.ErrorIs(t, events[0].Err, regtoken.ErrUnavailable)
			require.ErrorIs(t, events[0].Err, errNetwork)
			f.remote.changes.set(through)
			time.Sleep(2 * poll)
			synctest.Wait()
			require.True(t, f.Stats().Fresh)
		}
	})
}

func TestLiveWithoutRun(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		stop := f.run(t) // waits until the first one ends
		token, c := f.create(t, "abc")
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
		stop()
		f.wantReads(t, 0, c) // the first still runs

		idle, err := regtoken.NewManager(f.remote, nil)
		require.NoError(t, err)
		f.Manager = idle
		for range 3 {
			f.wantReads(t, 1, c)
		}
		require.Zero(t, f.Stats().CachedTokens)
		require.False(t, f.Stats().Fresh)
		stop = f.run(t)
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
		second := f.run(t)
		stop()
		synctest.Wait() // the second takes over, and begins with nothing
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
		second()
		require.Zero(t, f.Stats().CachedTokens)
		require.False(t, f.Stats().Fresh)
		require.Zero(t, f.Stats().Staleness)
		require.NoError(t, f.admin.DeleteToken(t.Context(), token.ID))
		_, err = f.logIn(t, c)
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

func TestLiveWithoutCache(t *testing.T) {
	inFleet(t, regtoken.Options{CacheSize: -1}, func(t *testing.T, f *fleet) {
		_, c := f.create(t, "abc")
		for range 3 {
			f.wantReads(t, 1, c)
		}
		require.Zero(t, f.Stats().FeedReads)
	})
}

// TestLocalHeadIsNeverBehind needs no Run: two Managers share one memory.
func TestLocalHeadIsNeverBehind(t *testing.T) {
	memory := memstore.New()
	a, err := regtoken.NewManager(memory, nil)
	require.NoError(t, err)
	b, err := regtoken.NewManager(memory, nil)
	require.NoError(t, err)
	token, c, err := a.CreateToken(t.Context(), regtoken.TokenSpec{Name: "abc"})
	require.NoError(t, err)
	for i := range 50 {
		for range 3 {
			_, err = b.Authenticate(t.Context(), c.Login())
			require.NoError(t, err)
		}
		require.EqualValues(t, 2*(i+1), b.Stats().Hits)
		require.True(t, b.Stats().Fresh)
		_, err = a.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		_, err = b.Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		_, err = a.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled})
		require.NoError(t, err)
	}
	require.NoError(t, memory.Close())
	_, err = b.Authenticate(t.Context(), c.Login())
	require.ErrorIs(t, err, regtoken.ErrUnavailable, "nothing is known any more")
}

// TestLiveCacheIsBounded logs in with more tokens than are kept.
func TestLiveCacheIsBounded(t *testing.T) {
	const size = 8
	inFleet(t, regtoken.Options{CacheSize: size}, func(t *testing.T, f *fleet) {
		_, often := f.create(t, "often")
		f.wantReads(t, 1, often)
		for i := range 5 * size {
			_, c := f.create(t, fmt.Sprintf("token-%d", i))
			f.wantReads(t, 0, often)
			f.wantReads(t, 1, c)
			require.LessOrEqual(t, f.Stats().CachedTokens, size)
		}
		require.Equal(t, size, f.Stats().CachedTokens)
		require.EqualValues(t, 1+5*size-size, f.Stats().Evictions)

		var scopes []regtoken.Scope // of some 27 KiB: as much as 7 tokens
		for i := range 1200 {
			scopes = append(scopes, scope(fmt.Sprintf("repository:%04d:pull", i)))
		}
		_, large, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: "large", Scopes: scopes})
		require.NoError(t, err)
		f.wantReads(t, 1, large)
		f.wantReads(t, 0, large)
		require.LessOrEqual(t, f.Stats().CachedTokens, 2)

		_, tooLarge, err := f.admin.CreateToken(t.Context(), regtoken.TokenSpec{Name: "too-large", Scopes: append(scopes, manyScopes(1000)...)})
		require.NoError(t, err)
		f.wantReads(t, 1, tooLarge)
		f.wantReads(t, 1, tooLarge)
		f.wantReads(t, 0, large) // which was not driven out by what does not fit
	})
}

func manyScopes(n int) (scopes []regtoken.Scope) {
	for i := range n {
		scopes = append(scopes, scope(fmt.Sprintf("repository:more/%04d:pull", i)))
	}
	return scopes
}

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
