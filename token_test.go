package regtoken_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func TestCreateToken(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{
		Name:   "ci-Build2",
		Owner:  "Jörg, build farm",
		Expiry: start.Add(time.Hour + time.Nanosecond),
		Scopes: []regtoken.Scope{
			regtoken.RepositoryScope("team/*", regtoken.Push|regtoken.Pull),
			{Type: regtoken.RegistryType, Path: "*"},
			regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
		},
	})
	require.Equal(t, uuid.Version(7), token.ID.Version())
	require.Equal(t, start, time.UnixMilli(int64(uuidTime(token.ID))).UTC(), "the ID's time is the Manager's")
	require.Equal(t, regtoken.Token{
		ID:        token.ID,
		Name:      "ci-Build2",
		Owner:     "Jörg, build farm",
		Status:    regtoken.Enabled,
		CreatedAt: start,
		ExpiresAt: start.Add(time.Hour + time.Millisecond), // rounded up
		Scopes:    []regtoken.Scope{scope("repository:team/*:pull,push"), scope("registry:*:list")},
		Secrets:   []regtoken.Secret{{ID: credential.SecretID, CreatedAt: start}},
	}, token)
	require.Equal(t, "ci-Build2", credential.Name)
	require.Regexp(t, "^rgt_[0-9A-Za-z]{38}$", credential.Password.Reveal())

	byID, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, token, byID)
	byName, err := r.TokenByName(t.Context(), token.Name)
	require.NoError(t, err)
	require.Equal(t, token, byName)

	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "ci-Build2"})
	require.ErrorIs(t, err, regtoken.ErrNameTaken)
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "ci-build2"})
	require.NoError(t, err, "names are compared exactly")
}

func uuidTime(id uuid.UUID) (ms uint64) {
	for _, b := range id[:6] {
		ms = ms<<8 | uint64(b)
	}
	return ms
}

func TestCreateTokenDisabled(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{Name: "later", Status: regtoken.Disabled})
	require.Equal(t, regtoken.Disabled, token.Status)
	_, err := r.Authenticate(t.Context(), credential.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)

	token, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Enabled})
	require.NoError(t, err)
	require.Equal(t, regtoken.Enabled, token.Status)
	_, err = r.Authenticate(t.Context(), credential.Login())
	require.NoError(t, err, "the same secret")
}

func TestEditToken(t *testing.T) {
	r := newRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "edited", Owner: "me", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	edit := func(e regtoken.Edit) regtoken.Token {
		t.Helper()
		edited, err := r.EditToken(t.Context(), token.ID, e)
		require.NoError(t, err)
		stored, err := r.Token(t.Context(), token.ID)
		require.NoError(t, err)
		require.Equal(t, stored, edited)
		return edited
	}
	want := token
	require.Equal(t, want, edit(regtoken.Edit{}))

	want.ExpiresAt = start.Add(2 * time.Hour)
	require.Equal(t, want, edit(regtoken.Edit{Expiry: regtoken.SetExpiry(want.ExpiresAt)}), "set")

	r.clock.Advance(90 * time.Minute)
	want.Status = regtoken.Disabled
	require.Equal(t, want, edit(regtoken.Edit{Status: regtoken.Disabled}), "an expiry half an hour ahead is left alone")

	_, err := r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetExpiry(want.ExpiresAt)})
	require.Equal(t, []string{"expiry"}, fields(t, err), "set to the same, it is checked")

	want.Status, want.ExpiresAt = regtoken.Enabled, start.Add(9*time.Hour)
	require.Equal(t, want, edit(regtoken.Edit{Status: regtoken.Enabled, Expiry: regtoken.SetExpiry(want.ExpiresAt)}), "both at once")

	want.ExpiresAt = time.Time{}
	require.Equal(t, want, edit(regtoken.Edit{Expiry: regtoken.ClearExpiry()}), "cleared")
}

func TestEditTokenInvalid(t *testing.T) {
	r := newRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "edited"})
	for _, row := range []struct {
		edit regtoken.Edit
		want []string
	}{
		{regtoken.Edit{Expiry: regtoken.SetExpiry(time.Time{})}, []string{"expiry"}},
		{regtoken.Edit{Expiry: regtoken.SetExpiry(start.Add(time.Hour - time.Nanosecond))}, []string{"expiry"}},
		{regtoken.Edit{Expiry: regtoken.SetExpiry(time.Date(9999, 12, 31, 23, 59, 59, 999_000_001, time.UTC))}, []string{"expiry"}},
		{regtoken.Edit{Status: "off", Expiry: regtoken.SetExpiry(start)}, []string{"status", "expiry"}},
	} {
		_, err := r.EditToken(t.Context(), token.ID, row.edit)
		require.Equal(t, row.want, fields(t, err))
		stored, err := r.Token(t.Context(), token.ID)
		require.NoError(t, err)
		require.Equal(t, token, stored, "nothing changed")
	}
}

func TestRotateSecret(t *testing.T) {
	r := newRig(t)
	token, first := r.create(t, regtoken.TokenSpec{Name: "rotated", Scopes: []regtoken.Scope{scope("repository:a:pull")}})
	good := func(credentials ...regtoken.Credential) {
		t.Helper()
		for _, c := range credentials {
			g, err := r.Authenticate(t.Context(), c.Login())
			require.NoError(t, err)
			require.Equal(t, c.SecretID, g.Secret().ID)
		}
		live, err := r.Token(t.Context(), token.ID)
		require.NoError(t, err)
		require.Len(t, live.Secrets, len(credentials))
	}
	dead := func(credentials ...regtoken.Credential) {
		t.Helper()
		for _, c := range credentials {
			_, err := r.Authenticate(t.Context(), c.Login())
			require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
			_, err = r.GrantFor(t.Context(), token.ID, c.SecretID)
			require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
		}
	}
	rotate := func(overlap time.Duration) regtoken.Credential {
		t.Helper()
		c, err := r.RotateSecret(t.Context(), token.ID, overlap)
		require.NoError(t, err)
		require.Equal(t, token.Name, c.Name)
		return c
	}

	second := rotate(0)
	good(second)
	dead(first)

	third := rotate(time.Hour)
	good(third, second)
	r.clock.Advance(time.Hour - time.Millisecond)
	good(third, second)
	r.clock.Advance(time.Millisecond)
	good(third)
	dead(second)

	fourth := rotate(time.Hour)
	fifth := rotate(time.Hour)
	good(fifth, fourth)
	dead(third)

	live, err := r.RetireOldSecret(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, []regtoken.Secret{{ID: fifth.SecretID, CreatedAt: r.clock.Now()}}, live.Secrets)
	good(fifth)
	dead(fourth)
	_, err = r.RetireOldSecret(t.Context(), token.ID)
	require.NoError(t, err, "nothing left to retire")

	live.Secrets = token.Secrets
	require.Equal(t, token, live, "all else stays")

	sixth := rotate(time.Minute)
	r.clock.Advance(time.Minute)
	_, err = r.RetireOldSecret(t.Context(), token.ID)
	require.NoError(t, err)
	r.clock.Advance(-time.Minute)
	good(sixth)
	dead(fifth) // what was retired is so for a clock that is behind, too
	fifth = sixth

	for _, overlap := range []time.Duration{-1, -time.Hour} {
		_, err = r.RotateSecret(t.Context(), token.ID, overlap)
		require.Equal(t, []string{"overlap"}, fields(t, err))
	}
	good(fifth)
	r.clock.Set(time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC))
	_, err = r.RotateSecret(t.Context(), token.ID, 3*365*24*time.Hour)
	require.Equal(t, []string{"overlap"}, fields(t, err))
}

func TestDeleteToken(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{Name: "short-lived"})
	require.NoError(t, r.DeleteToken(t.Context(), token.ID))
	_, err := r.Authenticate(t.Context(), credential.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	requireGone(t, r.Manager, token, credential)

	again, _ := r.create(t, regtoken.TokenSpec{Name: "short-lived"})
	require.NotEqual(t, token.ID, again.ID)
	_, err = r.Authenticate(t.Context(), credential.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated, "the old secret under the new token's name")
	_, err = r.GrantFor(t.Context(), token.ID, credential.SecretID)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
}

// requireGone checks that every call by ID answers not found.
func requireGone(t testing.TB, m *regtoken.Manager, token regtoken.Token, credential regtoken.Credential) {
	t.Helper()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Token": func() error { _, err := m.Token(ctx, token.ID); return err },
		"EditToken": func() error {
			_, err := m.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled})
			return err
		},
		"RotateSecret":    func() error { _, err := m.RotateSecret(ctx, token.ID, 0); return err },
		"RetireOldSecret": func() error { _, err := m.RetireOldSecret(ctx, token.ID); return err },
		"AddScopes":       func() error { _, err := m.AddScopes(ctx, token.ID, scope("registry:*:list")); return err },
		"RemoveScope":     func() error { _, err := m.RemoveScope(ctx, token.ID, scope("registry:*:list")); return err },
		"RemoveAllScopes": func() error { _, err := m.RemoveAllScopes(ctx, token.ID); return err },
		"DeleteToken":     func() error { return m.DeleteToken(ctx, token.ID) },
	} {
		require.ErrorIs(t, call(), regtoken.ErrNotFound, name)
	}
	_, err := m.GrantFor(ctx, token.ID, credential.SecretID)
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
}

func TestRegistryViewsAreBlindToEachOther(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{Name: "same-name", Scopes: []regtoken.Scope{scope("registry:*:list")}})
	other := r.Registry("other")
	requireGone(t, other, token, credential)
	_, err := other.TokenByName(t.Context(), "same-name")
	require.ErrorIs(t, err, regtoken.ErrNotFound)
	_, err = other.Authenticate(t.Context(), credential.Login())
	require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
	require.Empty(t, names(t, other, regtoken.Filter{}))

	twin, _, err := other.CreateToken(t.Context(), regtoken.TokenSpec{Name: "same-name"})
	require.NoError(t, err)
	require.Equal(t, "other", twin.Registry)
	_, err = r.Token(t.Context(), twin.ID)
	require.ErrorIs(t, err, regtoken.ErrNotFound)
	_, err = other.Registry("").Token(t.Context(), token.ID)
	require.NoError(t, err, "back to the default registry")
}

func TestRegistryNameInvalid(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{Name: "token"})
	for _, name := range []string{"ab", "Upper", "9lives", "under_score", "dash-", strings.Repeat("a", 64)} {
		m := r.Registry(name)
		calls := map[string]func() error{
			"CreateToken":  func() error { _, _, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "token"}); return err },
			"Token":        func() error { _, err := m.Token(t.Context(), token.ID); return err },
			"TokenByName":  func() error { _, err := m.TokenByName(t.Context(), "token"); return err },
			"EditToken":    func() error { _, err := m.EditToken(t.Context(), token.ID, regtoken.Edit{}); return err },
			"RotateSecret": func() error { _, err := m.RotateSecret(t.Context(), token.ID, 0); return err },
			"DeleteToken":  func() error { return m.DeleteToken(t.Context(), token.ID) },
			"AddScopes":    func() error { _, err := m.AddScopes(t.Context(), token.ID); return err },
			"Authenticate": func() error { _, err := m.Authenticate(t.Context(), credential.Login()); return err },
			"GrantFor":     func() error { _, err := m.GrantFor(t.Context(), token.ID, credential.SecretID); return err },
			"Tokens": func() error {
				for _, err := range m.Tokens(t.Context(), regtoken.Filter{}) {
					return err
				}
				return nil
			},
		}
		for call, err := range calls {
			require.Contains(t, fields(t, err()), "registry", "%s on %q", call, name)
		}
	}
}

func TestTokens(t *testing.T) {
	r := newRig(t)
	for i := range 250 {
		owner := "even"
		if i%2 == 1 {
			owner = "odd"
		}
		r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%03d", i), Owner: owner})
	}
	r.create(t, regtoken.TokenSpec{Name: "another"})
	r.create(t, regtoken.TokenSpec{Name: "token-gone", Expiry: start.Add(time.Hour)})
	r.create(t, regtoken.TokenSpec{Name: "tokens"})

	require.Len(t, names(t, r.Manager, regtoken.Filter{}), 253)
	r.clock.Advance(time.Hour)
	all := names(t, r.Manager, regtoken.Filter{})
	require.Len(t, all, 252, "an expired token is not listed, swept or not")
	require.IsNonDecreasing(t, all)
	require.Len(t, names(t, r.Manager, regtoken.Filter{NamePrefix: "token-"}), 250)
	require.Len(t, names(t, r.Manager, regtoken.Filter{NamePrefix: "token-1"}), 100)
	require.Len(t, names(t, r.Manager, regtoken.Filter{Owner: "odd"}), 125)
	require.Equal(t, []string{"token-101", "token-103", "token-105", "token-107", "token-109"},
		names(t, r.Manager, regtoken.Filter{NamePrefix: "token-10", Owner: "odd"}))
	require.Empty(t, names(t, r.Manager, regtoken.Filter{Owner: "nobody"}))

	for token, err := range r.Tokens(t.Context(), regtoken.Filter{}) {
		require.NoError(t, err)
		require.Equal(t, "another", token.Name)
		break
	}
	for _, row := range []struct {
		filter regtoken.Filter
		want   []string
	}{
		{regtoken.Filter{NamePrefix: "to%"}, []string{"namePrefix"}},
		{regtoken.Filter{NamePrefix: strings.Repeat("a", 64), Owner: "\n"}, []string{"namePrefix", "owner"}},
	} {
		n := 0
		for _, err := range r.Tokens(t.Context(), row.filter) {
			require.Equal(t, row.want, fields(t, err))
			n++
		}
		require.Equal(t, 1, n)
	}
}

func names(t testing.TB, m *regtoken.Manager, f regtoken.Filter) []string {
	t.Helper()
	var list []string
	for token, err := range m.Tokens(t.Context(), f) {
		require.NoError(t, err)
		list = append(list, token.Name)
	}
	return list
}

func TestTokenJSON(t *testing.T) {
	r := newRig(t)
	token, credential := r.create(t, regtoken.TokenSpec{
		Name: "shown", Owner: "me", Expiry: start.Add(time.Hour), Scopes: []regtoken.Scope{scope("repository:a/*:pull,admin")},
	})
	encoded, err := json.Marshal(token)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"id": "`+token.ID.String()+`", "registry": "", "name": "shown", "owner": "me", "status": "enabled",
		"createdAt": "2026-03-01T12:00:00Z", "expiresAt": "2026-03-01T13:00:00Z",
		"scopes": ["repository:a/*:pull,admin"],
		"secrets": [{"id": "`+credential.SecretID.String()+`", "createdAt": "2026-03-01T12:00:00Z", "expiresAt": null}]
	}`, string(encoded))
	var decoded regtoken.Token
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	require.Equal(t, token, decoded)

	encoded, err = json.Marshal(regtoken.Token{})
	require.NoError(t, err)
	require.Contains(t, string(encoded), `"expiresAt":null,"scopes":[],"secrets":[]`)
}

func TestNewManagerInvalid(t *testing.T) {
	_, err := regtoken.NewManager(nil, &regtoken.Options{
		MinLifetime: -1, SecretPrefix: "RGT", RemovalGrace: -1, Observers: []regtoken.Observer{nil},
	})
	require.Equal(t, []string{"store", "Options.SecretPrefix", "Options.MinLifetime", "Options.RemovalGrace", "Options.Observers[0]"}, fields(t, err))
	for _, prefix := range []string{"a", "9a", "a_b", "abcdefghijklmnopq", "é"} {
		_, err := regtoken.NewManager(memstore.New(), &regtoken.Options{SecretPrefix: prefix})
		require.Equal(t, []string{"Options.SecretPrefix"}, fields(t, err), prefix)
	}
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	_, credential, err := m.CreateToken(t.Context(), regtoken.TokenSpec{Name: "defaults"})
	require.NoError(t, err)
	require.NoError(t, err)
	_, err = m.Authenticate(t.Context(), credential.Login())
	require.NoError(t, err)
}

func TestLifetime(t *testing.T) {
	r := newRig(t, func(r *rig, o *regtoken.Options) {
		o.Now = func() time.Time { r.clock.Advance(time.Nanosecond); return r.clock.Now() } // it never stands still
	})
	token, _ := r.create(t, regtoken.TokenSpec{Name: "an-hour", Lifetime: time.Hour})
	require.Equal(t, start.Add(time.Hour+time.Millisecond), token.ExpiresAt, "exactly one hour is allowed, and rounded up")
	token, err := r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetLifetime(2 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, start.Add(2*time.Hour+time.Millisecond), token.ExpiresAt)
	for _, short := range []time.Duration{-time.Hour, time.Hour - time.Nanosecond} {
		_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "short", Lifetime: short})
		require.Equal(t, []string{"expiry"}, fields(t, err))
		_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetLifetime(short)})
		require.Equal(t, []string{"expiry"}, fields(t, err))
	}
	_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Expiry: regtoken.SetLifetime(0)})
	require.Equal(t, []string{"expiry"}, fields(t, err))
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "both", Lifetime: time.Hour, Expiry: start.Add(9 * time.Hour)})
	require.Equal(t, []string{"lifetime"}, fields(t, err))
}

func TestMinLifetime(t *testing.T) {
	for _, row := range []struct {
		least, lifetime time.Duration
		good            bool
	}{
		{0, time.Hour, true},
		{0, time.Hour - time.Nanosecond, false},
		{0, -time.Hour, false},
		{time.Minute, time.Minute, true},
		{time.Minute, time.Minute - time.Nanosecond, false},
		{time.Nanosecond, time.Nanosecond, true},
		{time.Nanosecond, 0, false},
	} {
		r := newRig(t, func(_ *rig, o *regtoken.Options) { o.MinLifetime = row.least })
		_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "short", Expiry: start.Add(row.lifetime)})
		if row.good {
			require.NoError(t, err, "%+v", row)
		} else {
			require.Equal(t, []string{"expiry"}, fields(t, err), "%+v", row)
		}
	}
}
