package proof_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/regtoken/regtoken"
)

func (r *ruin) create(t *rapid.T) {
	name := pick(t, []string{"abc", "abd", "abe", "abf"}, "name")
	spec := regtoken.TokenSpec{Name: name, Owner: fmt.Sprint("owner ", r.serial), Scopes: []regtoken.Scope{r.newScope("own")}}
	if rapid.Bool().Draw(t, "expires") {
		spec.Expiry = r.clock.Now().Add(time.Hour)
	}
	before, now := r.state(t), r.clock.Now()
	taken := slices.ContainsFunc(before.sorted(), func(t regtoken.Token) bool { return t.Name == name && !ended(t.ExpiresAt, now) })
	r.faulty.rival = func() {
		if made, _, err := r.direct.CreateToken(t.Context(), regtoken.TokenSpec{Name: name}); err == nil {
			before[made.ID], taken = r.state(t)[made.ID], true
		}
	}
	var made regtoken.Token
	var credential regtoken.Credential
	err := r.run(t, func(ctx context.Context) (err error) {
		made, credential, err = r.CreateToken(ctx, spec)
		return err
	})
	// What had expired may have been removed to make room, whatever the outcome.
	after := r.state(t)
	for id, old := range before {
		if _, left := after[id]; !left && old.Name == name && ended(old.ExpiresAt, now) {
			delete(before, id)
		}
	}
	absent, present := before, maps.Clone(before)
	for id, token := range after {
		if _, old := before[id]; !old && token.Name == name && token.Owner == spec.Owner {
			present[id] = token // of which the fields are checked below
		}
	}
	r.faulty.arrive()
	for id, token := range r.state(t) {
		if _, old := before[id]; old || token.Name != name || token.Owner != spec.Owner {
			continue
		}
		require.Equal(t, spec.Scopes, token.Scopes)
		require.Equal(t, spec.Expiry, token.ExpiresAt)
		require.Len(t, token.Secrets, 1)
		present[id] = token
	}
	for id := range before { // the removal of what had expired may have come late
		if _, left := r.state(t)[id]; !left {
			delete(absent, id)
			delete(present, id)
		}
	}
	r.faulty.landed = r.faulty.landed && r.faulty.puts > 0 // not if it was the removal
	r.requireOutcome(t, err, absent, func() state { return present }, !taken)
	require.LessOrEqual(t, r.faulty.puts, 1)
	if errors.Is(err, regtoken.ErrUnavailable) || errors.Is(err, regtoken.ErrNameTaken) {
		require.Zero(t, r.faulty.puts)
	}
	r.requireToldOnce(t, regtoken.OpCreate, made.ID, err, false)
	if err != nil {
		require.Empty(t, credential.Password.Reveal())
		return
	}
	require.Len(t, present, len(before)+1)
	require.Equal(t, present[made.ID], made)
	r.note(credential)
	_, err = r.direct.Authenticate(t.Context(), credential.Login())
	require.NoError(t, err)
}

func (r *ruin) note(c regtoken.Credential) {
	r.known[c.SecretID] = c.Password.Reveal()
	r.issued = append(r.issued, c.SecretID)
}

func (r *ruin) edit(t *rapid.T) {
	token := r.pickToken(t)
	status := pick(t, []regtoken.Status{"", regtoken.Enabled, regtoken.Disabled}, "status")
	edit := regtoken.Edit{Status: status}
	expiry := r.clock.Now().Add(time.Hour + time.Duration(r.serial)*time.Millisecond)
	kind := rapid.IntRange(0, 2).Draw(t, "expiry")
	switch kind {
	case 1:
		edit.Expiry = regtoken.SetExpiry(expiry)
	case 2:
		edit.Expiry = regtoken.ClearExpiry()
	}
	_ = r.change(t, token.ID, regtoken.OpEdit, func(whole *regtoken.Token) *regtoken.Token {
		if status != "" {
			whole.Status = status
		}
		switch kind {
		case 1:
			whole.ExpiresAt = expiry
		case 2:
			whole.ExpiresAt = time.Time{}
		}
		return whole
	}, func(ctx context.Context) error {
		_, err := r.EditToken(ctx, token.ID, edit)
		return err
	})
}

func (r *ruin) rotate(t *rapid.T) {
	token := r.pickToken(t)
	overlap := pick(t, []time.Duration{0, time.Minute, time.Hour}, "overlap")
	var credential regtoken.Credential
	err := r.change(t, token.ID, regtoken.OpRotate, func(whole *regtoken.Token) *regtoken.Token {
		old := whole.Secrets[0]
		whole.Secrets = nil
		if now := r.state(t)[token.ID]; len(now.Secrets) > 0 && now.Secrets[0].ID != old.ID {
			require.NotContains(t, r.known, now.Secrets[0].ID)
			whole.Secrets = []regtoken.Secret{now.Secrets[0]}
		}
		if overlap > 0 {
			old.ExpiresAt = r.clock.Now().Add(overlap)
			whole.Secrets = append(whole.Secrets, old)
		}
		return whole
	}, func(ctx context.Context) (err error) {
		credential, err = r.RotateSecret(ctx, token.ID, overlap)
		return err
	})
	if err != nil {
		require.Empty(t, credential.Password.Reveal())
		return
	}
	require.Equal(t, credential.SecretID, r.state(t)[token.ID].Secrets[0].ID, "the credential is the one that was written")
	r.note(credential)
}

func (r *ruin) retire(t *rapid.T) {
	token := r.pickToken(t)
	_ = r.change(t, token.ID, regtoken.OpRetire, func(whole *regtoken.Token) *regtoken.Token {
		whole.Secrets = whole.Secrets[:1]
		return whole
	}, func(ctx context.Context) error {
		_, err := r.RetireOldSecret(ctx, token.ID)
		return err
	})
}

func (r *ruin) delete(t *rapid.T) {
	token := r.pickToken(t)
	_ = r.change(t, token.ID, regtoken.OpDelete, func(*regtoken.Token) *regtoken.Token { return nil },
		func(ctx context.Context) error { return r.DeleteToken(ctx, token.ID) })
}

func (r *ruin) addScope(t *rapid.T) {
	token, scope := r.pickToken(t), r.newScope("own")
	_ = r.change(t, token.ID, regtoken.OpAddScopes, func(whole *regtoken.Token) *regtoken.Token {
		whole.Scopes = append(whole.Scopes, scope)
		return whole
	}, func(ctx context.Context) error {
		_, err := r.AddScopes(ctx, token.ID, scope)
		return err
	})
}

func (r *ruin) removeScope(t *rapid.T) {
	token := r.pickToken(t)
	if len(token.Scopes) == 0 {
		t.Skip("no scope")
	}
	scope := choose(t, token.Scopes, "scope")
	_ = r.change(t, token.ID, regtoken.OpRemoveScopes, func(whole *regtoken.Token) *regtoken.Token {
		whole.Scopes = slices.DeleteFunc(whole.Scopes, func(s regtoken.Scope) bool { return s == scope })
		return whole
	}, func(ctx context.Context) error {
		_, err := r.RemoveScope(ctx, token.ID, scope)
		return err
	})
}

func (r *ruin) removeAllScopes(t *rapid.T) {
	token := r.pickToken(t)
	_ = r.change(t, token.ID, regtoken.OpRemoveScopes, func(whole *regtoken.Token) *regtoken.Token {
		whole.Scopes = nil
		return whole
	}, func(ctx context.Context) error {
		_, err := r.RemoveAllScopes(ctx, token.ID)
		return err
	})
}

// read checks that a read answers the truth, or that it cannot tell.
func (r *ruin) read(t *rapid.T) {
	token := r.pickToken(t)
	var got []regtoken.Token
	one := func(read regtoken.Token, err error) error {
		got = []regtoken.Token{read}
		return err
	}
	want := one(r.direct.Token(t.Context(), token.ID))
	direct := got
	call := func(ctx context.Context) error { return one(r.Token(ctx, token.ID)) }
	switch rapid.IntRange(0, 2).Draw(t, "read") {
	case 1:
		call = func(ctx context.Context) error { return one(r.TokenByName(ctx, token.Name)) }
	case 2:
		direct, want = collect(t, r.direct.Tokens(t.Context(), regtoken.Filter{})), nil
		call = func(ctx context.Context) error {
			got = nil
			for token, err := range r.Tokens(ctx, regtoken.Filter{}) {
				if err != nil {
					return err
				}
				got = append(got, token)
			}
			return nil
		}
	}
	err := r.run(t, call)
	if r.faults != 0 {
		require.ErrorIs(t, err, regtoken.ErrUnavailable)
		return
	}
	require.Equal(t, want, err)
	if err == nil {
		require.Equal(t, direct, got)
	}
}

// authenticate checks that no failure of the store speaks against a
// credential, nor for one.
func (r *ruin) authenticate(t *rapid.T) {
	all := r.state(t).sorted()
	if len(r.known) == 0 || len(all) == 0 {
		t.Skip("no credential")
	}
	token := choose(t, all, "token")
	secretID := choose(t, r.issued, "secret")
	if own := slices.DeleteFunc(slices.Clone(token.Secrets), func(s regtoken.Secret) bool { return r.known[s.ID] == "" }); len(own) > 0 && !oneIn(t, 4, "any secret") {
		secretID = choose(t, own, "own secret").ID
	}
	now := r.clock.Now()
	good := token.Status == regtoken.Enabled && !ended(token.ExpiresAt, now) && slices.ContainsFunc(token.Secrets, func(s regtoken.Secret) bool {
		return s.ID == secretID && !ended(s.ExpiresAt, now)
	})
	byID := rapid.Bool().Draw(t, "by ID")
	var g *regtoken.Grant
	err := r.run(t, func(ctx context.Context) (err error) {
		if byID {
			g, err = r.GrantFor(ctx, token.ID, secretID)
		} else {
			g, err = r.Authenticate(ctx, regtoken.Login{Name: token.Name, Password: regtoken.NewPassword(r.known[secretID])})
		}
		return err
	})
	switch {
	case r.faults != 0:
		require.ErrorIs(t, err, regtoken.ErrUnavailable)
		require.NotErrorIs(t, err, regtoken.ErrUnauthenticated)
	case good:
		require.NoError(t, err)
		require.Equal(t, token.ID, g.Token().ID)
		return
	default:
		require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	}
	require.Nil(t, g)
}

// sweep checks that only what is due goes, and that what is told is true.
func (r *ruin) sweep(t *rapid.T) {
	before, now := r.state(t), r.clock.Now()
	r.faulty.rival = func() {}
	var n int
	err := r.run(t, func(ctx context.Context) (err error) {
		n, err = r.Sweep(ctx)
		return err
	})
	told := map[uuid.UUID]bool{}
	for _, e := range r.journal.Take() {
		require.Equal(t, regtoken.OpExpire, e.Operation)
		require.Contains(t, before, e.TokenID)
		if e.Outcome == regtoken.Failed {
			require.Error(t, e.Err)
			continue
		}
		require.False(t, told[e.TokenID])
		told[e.TokenID] = true
	}
	require.Len(t, told, n)
	after := r.state(t)
	for id, token := range before {
		_, left := after[id]
		require.True(t, left || ended(token.ExpiresAt, now), "swept before its time")
		require.False(t, left && told[id], "told of, and still there")
		if err == nil && count(r.faulty.written, conflict) == 0 {
			require.Equal(t, ended(token.ExpiresAt, now), !left)
		}
	}
	require.Subset(t, slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	if count(r.faulty.written, unsure...) == 0 {
		require.Equal(t, r.faulty.deletes, n)
	}
	require.LessOrEqual(t, r.faulty.deletes-n, count(r.faulty.written, unsure...))
	if err != nil {
		require.True(t, errors.Is(err, regtoken.ErrUnavailable) || errors.Is(err, regtoken.ErrOutcomeUnknown), "%v", err)
	}
	r.faulty.arrive()
}
