package regtoken_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
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
