package regtoken_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
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
