package regtoken_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// wantCalls requires that what do does asks the store so often.
func (f *fleet) wantCalls(t *testing.T, reads, writes int64, do func()) {
	t.Helper()
	readsBefore, writesBefore := f.remote.reads.Load(), f.remote.writes.Load()
	do()
	require.Equal(t, []int64{reads, writes}, []int64{f.remote.reads.Load() - readsBefore, f.remote.writes.Load() - writesBefore})
}

// keep makes a token in another process, and has the front-end keep it.
func (f *fleet) keep(t *testing.T, name string) (regtoken.Token, regtoken.Credential) {
	t.Helper()
	token, c := f.create(t, name)
	f.wantReads(t, 1, c)
	return token, c
}

// changes are calls that change a token with the scope repository:a:pull.
var changes = []struct {
	name   string
	change func(context.Context, *regtoken.Manager, uuid.UUID) error
}{
	{"edit", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
		_, err := m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
		return err
	}},
	{"rotate", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
		_, err := m.RotateSecret(ctx, id, time.Hour)
		return err
	}},
	{"add scopes", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
		_, err := m.AddScopes(ctx, id, scope("repository:b:pull"))
		return err
	}},
	{"remove scope", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
		_, err := m.RemoveScope(ctx, id, scope("repository:a:pull"))
		return err
	}},
	{"remove all scopes", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error {
		_, err := m.RemoveAllScopes(ctx, id)
		return err
	}},
	{"delete", func(ctx context.Context, m *regtoken.Manager, id uuid.UUID) error { return m.DeleteToken(ctx, id) }},
}

// TestChangeOfWhatIsKeptIsOneCall: what is kept need not be read to be changed,
// what is not kept must, and the outcome is the same.
func TestChangeOfWhatIsKeptIsOneCall(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				ctx := t.Context()
				known, _ := f.keep(t, "known")
				unknown, _ := f.create(t, "unknown")
				f.log.Take()
				f.wantCalls(t, 0, 1, func() { require.NoError(t, c.change(ctx, f.Manager, known.ID)) })
				f.wantCalls(t, 1, 1, func() { require.NoError(t, c.change(ctx, f.Manager, unknown.ID)) })
				events := f.log.Take()
				require.Len(t, events, 2)
				require.Equal(t, "known", events[0].TokenName)
				require.Equal(t, known.ID, events[0].TokenID)
				a, b := events[0], events[1]
				if a.Operation == regtoken.OpRotate {
					a.Detail, b.Detail = "", "" // the ID of the secret
				}
				a.TokenID, a.TokenName = b.TokenID, b.TokenName
				require.Equal(t, b, a)

				one, oneErr := f.admin.Token(ctx, known.ID)
				other, otherErr := f.admin.Token(ctx, unknown.ID)
				require.Equal(t, otherErr, oneErr)
				require.Equal(t, sameBut(other, one), one)
			})
		})
	}
}

// sameBut returns a token with what is another's own.
func sameBut(t, other regtoken.Token) regtoken.Token {
	t.ID, t.Name, t.CreatedAt = other.ID, other.Name, other.CreatedAt
	t.Secrets = slices.Clone(t.Secrets)
	for i := range t.Secrets {
		t.Secrets[i].ID = other.Secrets[i].ID
	}
	return t
}

// TestChangesInARow: what a Manager wrote it need not read.
func TestChangesInARow(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		emea := f.Registry("emea")
		f.wantCalls(t, 0, 8, func() {
			token, c, err := emea.CreateToken(ctx, regtoken.TokenSpec{Name: "abc"})
			require.NoError(t, err)
			_, err = emea.EditToken(ctx, token.ID, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Hour)})
			require.NoError(t, err)
			time.Sleep(poll) // the feed tells of them
			_, err = emea.AddScopes(ctx, token.ID, scope("repository:a:pull"))
			require.NoError(t, err)
			_, err = emea.Authenticate(ctx, c.Login())
			require.NoError(t, err)
			c, err = emea.RotateSecret(ctx, token.ID, time.Hour)
			require.NoError(t, err)
			edited, err := emea.RetireOldSecret(ctx, token.ID)
			require.NoError(t, err)
			require.Len(t, edited.Secrets, 1)
			edited, err = emea.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
			require.Equal(t, []regtoken.Scope{scope("repository:a:pull")}, edited.Scopes)
			_, err = emea.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Enabled})
			require.NoError(t, err)
			g, err := emea.Authenticate(ctx, c.Login())
			require.NoError(t, err)
			require.NoError(t, g.Authorize("a", regtoken.Pull))
			require.NoError(t, emea.DeleteToken(ctx, token.ID))
		})
		require.Zero(t, f.Stats().CachedTokens)
	})
}

// TestOtherRegistrysTokenIsNotFoundThoughItIsKept: by ID too.
func TestOtherRegistrysTokenIsNotFoundThoughItIsKept(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, _ := f.keep(t, "abc")
		for _, c := range changes {
			f.wantCalls(t, 1, 0, func() {
				require.ErrorIs(t, c.change(t.Context(), f.Registry("emea"), token.ID), regtoken.ErrNotFound, c.name)
			})
		}
	})
}

// TestWhatIsKeptRefusesNoChange: another process changed the token, and the
// front-end has yet to hear of it.
func TestWhatIsKeptRefusesNoChange(t *testing.T) {
	b := scope("repository:b:pull")
	for _, row := range []struct {
		name          string
		before        func(ctx context.Context, f *fleet, id uuid.UUID) error // as it is kept
		since         func(ctx context.Context, f *fleet, id uuid.UUID) error
		change        func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error)
		want          error
		reads, writes int64
		check         func(t *testing.T, got regtoken.Token)
	}{
		{
			name: "conflict: both changes stand",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			reads: 1, writes: 2,
			check: func(t *testing.T, got regtoken.Token) {
				require.Equal(t, regtoken.Disabled, got.Status)
				require.Equal(t, []regtoken.Scope{scope("repository:a:pull"), b}, got.Scopes)
			},
		},
		{
			name:  "deleted",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error { return f.admin.DeleteToken(ctx, id) },
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 1,
		},
		{
			name:  "deleted by both",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error { return f.admin.DeleteToken(ctx, id) },
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 1,
		},
		{
			name: "deleted though it was changed",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, b)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			reads: 1, writes: 2,
		},
		{
			name: "unchanged, by what is kept",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.RemoveAllScopes(ctx, id)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, scope("repository:a:pull"))
			},
			reads: 1, writes: 1,
			check: func(t *testing.T, got regtoken.Token) {
				require.Equal(t, []regtoken.Scope{scope("repository:a:pull")}, got.Scopes)
			},
		},
		{
			name: "unchanged, as the store says too",
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Enabled})
			},
			reads: 1, writes: 0,
		},
		{
			name: "it lacked the scope",
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, b)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.RemoveScope(ctx, id, b)
			},
			reads: 1, writes: 1,
		},
		{
			name: "it would have grown too large",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.AddScopes(ctx, id, manyScopes(35_000)...)
				return err
			},
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.RemoveAllScopes(ctx, id)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				var scopes []regtoken.Scope
				for i := range 10_000 {
					scopes = append(scopes, scope(fmt.Sprintf("repository:yet/%04d:pull", i)))
				}
				return f.AddScopes(ctx, id, scopes...)
			},
			reads: 1, writes: 1,
		},
		{
			name: "it had expired",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Second)})
				return err
			},
			since: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				f.remote.changes.set(cut)
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.ClearExpiry()})
				time.Sleep(time.Second)
				return err
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return f.AddScopes(ctx, id, b)
			},
			reads: 1, writes: 1,
		},
		{
			name: "deleted after its expiry",
			before: func(ctx context.Context, f *fleet, id uuid.UUID) error {
				_, err := f.admin.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(time.Second)})
				return err
			},
			since: func(context.Context, *fleet, uuid.UUID) error {
				time.Sleep(time.Second)
				return nil
			},
			change: func(ctx context.Context, f *fleet, id uuid.UUID) (regtoken.Token, error) {
				return regtoken.Token{}, f.DeleteToken(ctx, id)
			},
			want: regtoken.ErrNotFound, reads: 1, writes: 0,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			inFleet(t, regtoken.Options{CacheSize: 1000, RemovalGrace: time.Hour}, func(t *testing.T, f *fleet) {
				ctx := t.Context()
				admin, err := regtoken.NewManager(f.remote.Store, &regtoken.Options{MinLifetime: 1})
				require.NoError(t, err)
				f.admin = admin
				token, c := f.create(t, "abc")
				if row.before != nil {
					require.NoError(t, row.before(ctx, f, token.ID))
				}
				f.wantReads(t, 1, c)
				f.wantReads(t, 0, c)
				if row.since != nil {
					require.NoError(t, row.since(ctx, f, token.ID))
				}
				f.log.Take()
				f.wantCalls(t, row.reads, row.writes, func() {
					got, err := row.change(ctx, f, token.ID)
					require.ErrorIs(t, err, row.want)
					if row.check != nil {
						row.check(t, got)
					}
				})
				for _, e := range f.log.Take() {
					require.Equal(t, token.ID, e.TokenID)
					require.Equal(t, row.want == nil, e.Outcome == regtoken.Succeeded)
				}
			})
		})
	}
}

// TestRecordThatSaysMoreIsRead: an edit loses nothing of it.
func TestRecordThatSaysMoreIsRead(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, c := f.create(t, "abc")
		r, err := f.remote.Store.Get(ctx, token.ID)
		require.NoError(t, err)
		const finer = `"createdAt":"2026-03-01T12:00:00.0000001Z"`
		r.Data = regexp.MustCompile(`"createdAt":"[^"]*"`).ReplaceAll(r.Data, []byte(finer))
		_, err = f.remote.Store.Put(ctx, r)
		require.NoError(t, err)
		f.wantReads(t, 1, c)
		f.wantReads(t, 0, c)
		f.wantCalls(t, 1, 1, func() {
			_, err := f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		})
		r, err = f.remote.Store.Get(ctx, token.ID)
		require.NoError(t, err)
		require.Equal(t, 2, strings.Count(string(r.Data), finer), "of the token and its secret")
	})
}

// TestChangesDoWithoutWhatIsNotFresh: where a store was restored, what is kept
// may be of a revision that stands for something else now. Only the feed tells.
func TestChangesDoWithoutWhatIsNotFresh(t *testing.T) {
	for _, ended := range []string{"the feed is cut", "Run has ended"} {
		t.Run(ended, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				memory := memstore.New()
				f := &fleet{remote: &remote{Store: memory}, log: &log{}}
				var err error
				f.Manager, err = regtoken.NewManager(f.remote, nil)
				require.NoError(t, err)
				f.admin, err = regtoken.NewManager(memory, nil)
				require.NoError(t, err)
				stop := f.run(t)
				token, c := f.create(t, "abc")
				backup, err := memory.Get(ctx, token.ID)
				require.NoError(t, err)
				_, err = f.admin.AddScopes(ctx, token.ID, scope("repository:lost:pull"))
				require.NoError(t, err)
				f.wantReads(t, 1, c)

				if ended == "Run has ended" {
					stop()
				}
				f.remote.changes.set(cut)
				f.remote.head.set(cut)
				backup.Rev = 0
				f.remote.Store = memstore.New()
				_, err = f.remote.Store.Put(ctx, backup)
				require.NoError(t, err)
				f.admin, err = regtoken.NewManager(f.remote.Store, nil)
				require.NoError(t, err)
				time.Sleep(bound + 1)
				edited, err := f.admin.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled}) // at the same revision
				require.NoError(t, err)

				f.wantCalls(t, 1, 1, func() {
					got, err := f.AddScopes(ctx, token.ID, scope("repository:b:pull"))
					require.NoError(t, err)
					edited.Scopes = append(edited.Scopes, scope("repository:b:pull"))
					require.Equal(t, edited, got)
				})
			})
		})
	}
}

// TestStoreDownIsAskedOnce: a write that rests on what is kept and fails of
// itself is no reason to read.
func TestStoreDownIsAskedOnce(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.keep(t, "abc")
		for _, change := range changes {
			f.remote.write.set(cut)
			f.log.Take()
			f.wantCalls(t, 0, 1, func() {
				require.ErrorIs(t, change.change(t.Context(), f.Manager, token.ID), regtoken.ErrUnavailable, change.name)
			})
			require.Equal(t, "abc", f.log.Take()[0].TokenName)
			f.remote.write.set(through)
			f.wantReads(t, 1, c) // whatever became of it
		}
	})
}

// TestLostAcknowledgementOfAKeptChange: it is looked for, and not made twice.
func TestLostAcknowledgementOfAKeptChange(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, _ := f.keep(t, "abc")
		lose := func(apply bool) {
			f.remote.write.set(func(_ context.Context, next func() (store.Rev, error)) (store.Rev, error) {
				if apply {
					_, err := next()
					require.NoError(t, err)
				}
				return 0, fmt.Errorf("%w: %w: %w", store.ErrUnknown, store.ErrConflict, errNetwork) // one that says too much
			})
		}
		lose(true)
		var c regtoken.Credential
		f.wantCalls(t, 1, 1, func() {
			var err error
			c, err = f.RotateSecret(ctx, token.ID, 0)
			require.NoError(t, err)
		})
		f.wantReads(t, 1, c)
		lose(false)
		f.wantCalls(t, 1, 1, func() {
			_, err := f.RotateSecret(ctx, token.ID, 0)
			require.ErrorIs(t, err, regtoken.ErrOutcomeUnknown)
		})
		f.wantReads(t, 1, c)
		f.wantCalls(t, 1, 1, func() { require.ErrorIs(t, f.DeleteToken(ctx, token.ID), regtoken.ErrOutcomeUnknown) })
		lose(true)
		f.wantReads(t, 1, c)
		f.wantCalls(t, 1, 1, func() { require.NoError(t, f.DeleteToken(ctx, token.ID)) })
	})
}

// TestOwnChangesAreHonouredAtOnce: what a Manager keeps of its own writes never
// admits what it has revoked, and others' changes reach it within the bound.
func TestOwnChangesAreHonouredAtOnce(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		token, c, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: "abc"})
		require.NoError(t, err)
		f.wantReads(t, 0, c) // it was kept
		next, err := f.RotateSecret(ctx, token.ID, 0)
		require.NoError(t, err)
		_, err = f.Authenticate(ctx, c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		f.wantReads(t, 0, next)
		_, err = f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		_, err = f.Authenticate(ctx, next.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		_, err = f.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Enabled})
		require.NoError(t, err)
		f.wantReads(t, 0, next)

		_, err = f.admin.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
		require.NoError(t, err)
		time.Sleep(bound + 1)
		_, err = f.Authenticate(ctx, next.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestOwnWriteOvertakenIsNotKept: while a write is under way the feed tells of
// a later one, or says that it cannot tell.
func TestOwnWriteOvertakenIsNotKept(t *testing.T) {
	expired := func(context.Context, func() (store.Batch, error)) (store.Batch, error) {
		return store.Batch{}, store.ErrCursorExpired
	}
	for name, meanwhile := range map[string]func(t *testing.T, f *fleet, id uuid.UUID){
		"a later change": func(t *testing.T, f *fleet, id uuid.UUID) {
			_, err := f.admin.EditToken(t.Context(), id, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
		},
		"deleted":  func(t *testing.T, f *fleet, id uuid.UUID) { require.NoError(t, f.admin.DeleteToken(t.Context(), id)) },
		"restored": func(_ *testing.T, f *fleet, _ uuid.UUID) { f.remote.changes.set(expired) },
	} {
		t.Run(name, func(t *testing.T) {
			inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
				token, c := f.keep(t, "abc")
				f.remote.write.set(func(_ context.Context, next func() (store.Rev, error)) (store.Rev, error) {
					rev, err := next()
					meanwhile(t, f, token.ID)
					time.Sleep(2 * poll)
					return rev, err
				})
				_, err := f.AddScopes(t.Context(), token.ID, scope("repository:b:pull"))
				require.NoError(t, err)
				require.Zero(t, f.Stats().CachedTokens)
				reads, err := f.logIn(t, c)
				require.EqualValues(t, 1, reads)
				if name != "restored" {
					require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
				}
			})
		})
	}
}

// TestOwnWriteKeepsOlderReadsAway: a login that was reading the token as it was
// changed does not put it back.
func TestOwnWriteKeepsOlderReadsAway(t *testing.T) {
	inFleet(t, regtoken.Options{}, func(t *testing.T, f *fleet) {
		token, c := f.create(t, "abc")
		read, goOn := make(chan struct{}), make(chan struct{})
		f.remote.lookUp.set(func(_ context.Context, next func() (store.Record, error)) (store.Record, error) {
			f.remote.lookUp.set(through)
			r, err := next()
			close(read)
			<-goOn
			return r, err
		})
		early := make(chan error, 1)
		go func() {
			_, err := f.Authenticate(t.Context(), c.Login())
			early <- err
		}()
		<-read
		_, err := f.RotateSecret(t.Context(), token.ID, 0)
		require.NoError(t, err)
		close(goOn)
		require.NoError(t, <-early)
		_, err = f.Authenticate(t.Context(), c.Login())
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	})
}

// TestOwnWritesDriveNothingOut: what logins ask for is not forgotten for the
// sake of what nobody has asked for yet.
func TestOwnWritesDriveNothingOut(t *testing.T) {
	const size = 8
	inFleet(t, regtoken.Options{CacheSize: size}, func(t *testing.T, f *fleet) {
		ctx := t.Context()
		var known []regtoken.Credential
		for i := range size - 1 {
			_, c := f.keep(t, fmt.Sprintf("known-%d", i))
			known = append(known, c)
		}
		first, _, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: "first"})
		require.NoError(t, err)
		for i := range size {
			_, _, err := f.CreateToken(ctx, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i)})
			require.NoError(t, err)
		}
		require.Zero(t, f.Stats().Evictions)
		for _, c := range known {
			f.wantReads(t, 0, c)
		}
		f.wantCalls(t, 0, 2, func() { // there is room for what takes its own place
			_, err := f.EditToken(ctx, first.ID, regtoken.Edit{Status: regtoken.Disabled})
			require.NoError(t, err)
			_, err = f.EditToken(ctx, first.ID, regtoken.Edit{Status: regtoken.Enabled})
			require.NoError(t, err)
		})
		require.Zero(t, f.Stats().Evictions)
	})
}

// TestWhatIsKeptIsInvisible plays the same random calls twice: with a front-end
// that keeps tokens, and hears late or not at all of what others do, and with
// one that keeps none. Whatever they return, tell the observers and leave in the
// store is the same.
func TestWhatIsKeptIsInvisible(t *testing.T) {
	var spared int64
	for seed := range uint64(60) {
		var stories [2][]string
		var reads [2]int64
		for i, size := range []int{100, -1} {
			inFleet(t, regtoken.Options{CacheSize: size, MinLifetime: 1}, func(t *testing.T, f *fleet) {
				p := &play{fleet: f, random: rand.New(rand.NewPCG(seed, 1)), places: map[uuid.UUID]string{}}
				for range 120 {
					p.step(t)
				}
				stories[i], reads[i] = p.story, f.remote.reads.Load()
			})
		}
		for i := range stories[1] {
			require.Equal(t, stories[1][i], stories[0][i], "seed %d, line %d", seed, i)
		}
		spared += reads[1] - reads[0]
	}
	require.Greater(t, spared, int64(500), "or nothing is shown")
}

// A play is random calls, and the story of what came of them, in which IDs are
// called by the order in which they came up.
type play struct {
	*fleet
	random *rand.Rand
	tokens []uuid.UUID
	logins []regtoken.Login
	places map[uuid.UUID]string
	story  []string
}

func (p *play) place(id uuid.UUID) string {
	if _, ok := p.places[id]; !ok {
		p.places[id] = fmt.Sprintf("#%d", len(p.places))
	}
	return p.places[id]
}

func (p *play) show(t regtoken.Token) string {
	text := fmt.Sprintf("%s %s %s %v %v %v", p.place(t.ID), t.Name, t.Owner, t.Status, t.ExpiresAt.UnixNano(), t.Scopes)
	for _, s := range t.Secrets {
		text += fmt.Sprintf(" (%s %v %v)", p.place(s.ID), s.CreatedAt.UnixNano(), s.ExpiresAt.UnixNano())
	}
	return text
}

func (p *play) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

// step makes one call of the front-end, or something happens around it.
func (p *play) step(t *testing.T) {
	scopes := []regtoken.Scope{scope("repository:a:pull"), scope("repository:b/*:pull,push"), scope("registry:*:list")}
	ctx, m := t.Context(), p.Manager
	op := p.random.IntN(14)
	byOther := p.random.IntN(4) == 0
	if byOther {
		m = p.admin
	}
	one := scopes[p.random.IntN(len(scopes))]
	lifetime := time.Duration(1+p.random.IntN(5)) * time.Second
	if len(p.tokens) == 0 {
		op = 0
	}
	var id uuid.UUID
	if n := len(p.tokens); n > 0 {
		id = p.tokens[max(0, n-1-p.random.IntN(4))]
	}
	var got regtoken.Token
	var c regtoken.Credential
	var err error
	switch op {
	case 0, 1:
		spec := regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", p.random.IntN(8)), Owner: "me", Scopes: scopes[:p.random.IntN(3)]}
		if got, c, err = m.CreateToken(ctx, spec); err == nil {
			p.tokens = append(p.tokens, got.ID)
		}
	case 2:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
	case 3:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Enabled})
	case 4:
		got, err = p.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(lifetime)})
	case 5:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.ClearExpiry()})
	case 6:
		got, err = m.AddScopes(ctx, id, one)
	case 7:
		got, err = m.RemoveScope(ctx, id, one)
	case 8:
		got, err = m.RemoveAllScopes(ctx, id)
	case 9:
		c, err = m.RotateSecret(ctx, id, lifetime*time.Duration(p.random.IntN(2)))
	case 10:
		got, err = m.RetireOldSecret(ctx, id)
	case 11:
		if p.random.IntN(2) == 0 {
			err = m.DeleteToken(ctx, id)
		}
	case 12:
		if p.remote.changes.set(through); p.random.IntN(3) == 0 {
			p.remote.changes.set(cut)
		}
		time.Sleep(time.Duration(p.random.IntN(int(2 * poll))))
	case 13:
		// A login may go by what is kept up to the bound: only one that the
		// store admits has to be admitted.
		if len(p.logins) > 0 {
			login := p.logins[p.random.IntN(len(p.logins))]
			if _, refused := p.admin.Authenticate(ctx, login); refused == nil {
				_, err = p.Authenticate(ctx, login)
				require.NoError(t, err)
			}
		}
	}
	if c.Name != "" {
		p.logins = append(p.logins, c.Login())
		got.Secrets = append(got.Secrets, regtoken.Secret{ID: c.SecretID})
	}
	p.tell("%d by other %v: %v, %s", op, byOther, err, p.show(got))
	for _, e := range p.log.Take() {
		if e.Operation != regtoken.OpAuthenticate && e.Operation != regtoken.OpRefresh {
			p.tell("%v %v %v %s %s %v %v", e.Operation, e.Outcome, p.place(e.TokenID), e.TokenName, e.Owner, e.Scopes, errors.Unwrap(e.Err))
		}
	}
	if id != uuid.Nil {
		stands, err := p.admin.Token(ctx, id)
		p.tell("%v %s", err, p.show(stands))
	}
}
