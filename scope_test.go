package regtoken_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

func TestParseScope(t *testing.T) {
	for text, want := range map[string]regtoken.Scope{
		"repository:team/*:pull,push":            regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
		"repository:*:pull,push,admin":           regtoken.RepositoryScope("*", regtoken.Pull|regtoken.Push|regtoken.Admin),
		"repository:a:admin":                     regtoken.RepositoryScope("a", regtoken.Admin),
		"repository:a:admin,push,pull,push,pull": regtoken.RepositoryScope("a", regtoken.Pull|regtoken.Push|regtoken.Admin),
		"registry:*:list":                        regtoken.RegistryScope("*"),
		"registry:team/*:list":                   regtoken.RegistryScope("team/*"),
	} {
		s, err := regtoken.ParseScope(text)
		require.NoError(t, err, text)
		require.Equal(t, want, s, text)
	}
	for text, want := range map[string][]string{
		"":                         {"scope"},
		"repository":               {"scope"},
		"repository:a":             {"scope"},
		"repository::pull":         {"path"},
		"repository:a:":            {"actions"},
		"repository:a:none":        {"actions"},
		"repository:a:Pull":        {"actions"},
		"repository:a:pull,":       {"actions"},
		"repository:a: pull":       {"actions"},
		"repository:a:push":        {"actions"},
		"repository:a:push,admin":  {"actions"},
		"repository:a:list":        {"actions"},
		"repository:a:pull,list":   {"actions"},
		"registry:*:pull":          {"actions"},
		"registry:*:list,pull":     {"actions"},
		"repo:a:pull":              {"type"},
		":a:pull":                  {"type"},
		"repository:h:5000/a:pull": {"path"},
		"Registry:A:x":             {"type", "path", "actions"},
		"what:/A//**:push":         {"type", "path", "path", "path", "path"},
	} {
		_, err := regtoken.ParseScope(text)
		require.Equal(t, want, fields(t, err), text)
	}
}

func TestScopeText(t *testing.T) {
	require.Equal(t, "repository:a:pull,push,admin", regtoken.RepositoryScope("a", regtoken.Admin|regtoken.Push|regtoken.Pull).String())
	require.Equal(t, "none", regtoken.Action(0).String())
	require.Equal(t, "pull,Action(0x40)", (regtoken.Pull | 0x40).String())

	encoded, err := json.Marshal([]regtoken.Scope{{Type: regtoken.RegistryType, Path: "*"}, scope("repository:a:pull")})
	require.NoError(t, err)
	require.JSONEq(t, `["registry:*:list","repository:a:pull"]`, string(encoded))
	_, err = json.Marshal(regtoken.Scope{})
	require.ErrorIs(t, err, regtoken.ErrInvalid)
	var s regtoken.Scope
	require.ErrorIs(t, json.Unmarshal([]byte(`"repository:a:push"`), &s), regtoken.ErrInvalid)

	for _, bad := range []regtoken.Action{0, 0x40} {
		_, err = bad.MarshalText()
		require.ErrorIs(t, err, regtoken.ErrInvalid)
	}
	a := regtoken.Push
	text, err := a.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "push", string(text))
	require.NoError(t, a.UnmarshalText([]byte("list,pull")))
	require.Equal(t, regtoken.List|regtoken.Pull, a)
	_, err = regtoken.ParseAction("delete")
	require.Equal(t, []string{"actions"}, fields(t, err))
}

// The reference for the text form: the rules, one after another.
func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"repository:team/*:pull,push", "registry:*:list", "repository:a:b:pull", "::", "repository:a:push", "registry:a:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := regtoken.ParseScope(text)
		parts := strings.Split(text, ":")
		if err != nil {
			require.NotEmpty(t, fields(t, err))
			require.Zero(t, s)
			return
		}
		require.Len(t, parts, 3, "a path holds no colon")
		require.Contains(t, []string{"repository", "registry"}, parts[0])
		actions := map[string]bool{}
		for _, a := range strings.Split(parts[2], ",") {
			actions[a] = true
		}
		require.Equal(t, parts[0] == "registry", actions["list"])
		require.False(t, actions["push"] && !actions["pull"])
		require.NoError(t, s.Validate())

		again, err := regtoken.ParseScope(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
		require.Equal(t, parts[1], s.Path)
		for _, known := range []regtoken.Action{regtoken.Pull, regtoken.Push, regtoken.Admin, regtoken.List} {
			require.Equal(t, actions[known.String()], s.Actions.Has(known))
		}
	})
}

func TestAddAndRemoveScopes(t *testing.T) {
	r := newRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "scoped"})
	has := func(token regtoken.Token, err error, texts ...string) {
		t.Helper()
		require.NoError(t, err)
		var got []string
		for _, s := range token.Scopes {
			got = append(got, s.String())
		}
		require.Equal(t, texts, got)
		stored, err := r.Token(t.Context(), token.ID)
		require.NoError(t, err)
		require.Equal(t, stored, token)
	}
	token, err := r.AddScopes(t.Context(), token.ID, scope("repository:a:pull"), scope("registry:*:list"), scope("repository:a:pull"))
	has(token, err, "repository:a:pull", "registry:*:list")
	token, err = r.AddScopes(t.Context(), token.ID, regtoken.Scope{Type: regtoken.RegistryType, Path: "*"}, scope("repository:a:pull,push"))
	has(token, err, "repository:a:pull", "registry:*:list", "repository:a:pull,push")
	token, err = r.AddScopes(t.Context(), token.ID)
	has(token, err, "repository:a:pull", "registry:*:list", "repository:a:pull,push")

	_, err = r.AddScopes(t.Context(), token.ID, scope("repository:b:pull"), regtoken.Scope{Type: "x", Path: "/b", Actions: regtoken.Pull}, regtoken.RepositoryScope("b", 0))
	require.Equal(t, []string{"scopes[1].type", "scopes[1].path", "scopes[2].actions"}, fields(t, err))
	_, err = r.RemoveScope(t.Context(), token.ID, scope("repository:a:push,pull,admin"))
	require.ErrorIs(t, err, regtoken.ErrScopeNotFound)
	require.NotErrorIs(t, err, regtoken.ErrNotFound)
	require.ErrorContains(t, err, "repository:a:pull,push,admin")
	_, err = r.RemoveScope(t.Context(), token.ID, regtoken.Scope{})
	require.Equal(t, []string{"type", "path"}, fields(t, err))

	token, err = r.RemoveScope(t.Context(), token.ID, scope("repository:a:pull"))
	has(token, err, "registry:*:list", "repository:a:pull,push")
	token, err = r.RemoveScope(t.Context(), token.ID, regtoken.Scope{Type: regtoken.RegistryType, Path: "*"})
	has(token, err, "repository:a:pull,push")
	token, err = r.RemoveAllScopes(t.Context(), token.ID)
	has(token, err)
	token, err = r.RemoveAllScopes(t.Context(), token.ID)
	has(token, err)
}

func TestTokenTooLarge(t *testing.T) {
	r := newRig(t)
	many := make([]regtoken.Scope, 4200)
	for i := range many {
		many[i] = regtoken.RepositoryScope(fmt.Sprintf("%04d/%s", i, strings.Repeat("x", 250)), regtoken.Pull)
	}
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "large", Scopes: many})
	require.Equal(t, []string{"scopes"}, fields(t, err))
	require.Empty(t, names(t, r.Manager, regtoken.Filter{}))

	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "large", Scopes: make([]regtoken.Scope, 1_000_000)})
	require.Equal(t, []string{"scopes"}, fields(t, err))
	_, _, err = r.CreateToken(t.Context(), regtoken.TokenSpec{Name: "large", Scopes: make([]regtoken.Scope, 10_000)})
	var v *regtoken.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Fields(), 20_000)
	require.Less(t, len(err.Error()), 4096)
	require.ErrorContains(t, err, "; and 19980 more")

	token, _ := r.create(t, regtoken.TokenSpec{Name: "large", Scopes: many[:3000]})
	_, err = r.AddScopes(t.Context(), token.ID, many...)
	require.Equal(t, []string{"scopes"}, fields(t, err))
	stored, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, token, stored)
}

// A token that takes no more scopes can be disabled, rotated and emptied.
func TestFullTokenStaysManageable(t *testing.T) {
	r := newRig(t)
	r.clock.Advance(time.Millisecond) // a fraction of a second takes more room
	token, _ := r.create(t, regtoken.TokenSpec{Name: "full"})
	for n, length := 4096, 200; n > 0; length-- { // fewer and fewer, until none fits
		more := make([]regtoken.Scope, n)
		for i := range more {
			more[i] = regtoken.RepositoryScope(fmt.Sprintf("%d/%d/%s", length, i, strings.Repeat("x", length)), regtoken.Pull)
		}
		if _, err := r.AddScopes(t.Context(), token.ID, more...); err != nil {
			require.Equal(t, []string{"scopes"}, fields(t, err))
			n /= 2
		}
	}
	token, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)

	_, err = r.RotateSecret(t.Context(), token.ID, 12345678*time.Millisecond)
	require.NoError(t, err)
	_, err = r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled, Expiry: regtoken.SetExpiry(start.Add(9 * time.Hour))})
	require.NoError(t, err)
	_, err = r.RemoveScope(t.Context(), token.ID, token.Scopes[0])
	require.NoError(t, err)
	_, err = r.RemoveAllScopes(t.Context(), token.ID)
	require.NoError(t, err)
}

// Concurrent writers of one token lose nothing of each other's.
func TestConcurrentEdits(t *testing.T) {
	const writers = 16
	r := newRig(t)
	token, _ := r.create(t, regtoken.TokenSpec{Name: "busy", Scopes: []regtoken.Scope{scope("registry:*:list")}})
	done := make(chan error, writers+2)
	for i := range writers {
		go func() {
			var err error
			for j := 0; j < 10 && err == nil; j++ {
				_, err = r.AddScopes(t.Context(), token.ID, regtoken.RepositoryScope(fmt.Sprintf("w%d/r%d", i, j), regtoken.Pull))
			}
			done <- err
		}()
	}
	go func() {
		_, err := r.EditToken(t.Context(), token.ID, regtoken.Edit{Status: regtoken.Disabled, Expiry: regtoken.SetExpiry(start.Add(time.Hour))})
		done <- err
	}()
	go func() {
		_, err := r.RemoveScope(t.Context(), token.ID, scope("registry:*:list"))
		done <- err
	}()
	for range writers + 2 {
		require.NoError(t, <-done)
	}
	stored, err := r.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, regtoken.Disabled, stored.Status)
	require.Equal(t, start.Add(time.Hour), stored.ExpiresAt)
	require.Len(t, stored.Scopes, writers*10)
}

func TestValidationReportsEverything(t *testing.T) {
	r := newRig(t)
	_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{
		Name:   "_",
		Owner:  strings.Repeat("x", 255) + "\n",
		Status: "on",
		Expiry: start,
		Scopes: []regtoken.Scope{
			scope("repository:good:pull"),
			regtoken.RepositoryScope("Bad", regtoken.Push),
			{Type: "nothing", Path: ""},
			{Type: regtoken.RegistryType, Path: "**", Actions: regtoken.Pull},
			regtoken.RepositoryScope("a", 0x80),
		},
	})
	require.Equal(t, []string{
		"name", "name", "name", "name", "owner", "owner", "status", "expiry",
		"scopes[1].path", "scopes[1].actions", "scopes[2].type", "scopes[2].path", "scopes[3].path", "scopes[3].actions", "scopes[4].actions",
	}, fields(t, err))
	var first regtoken.FieldError
	require.ErrorAs(t, err, &first)
	require.Equal(t, regtoken.FieldError{Field: "name", Rule: "must have 3 to 63 bytes"}, first)
	require.Empty(t, names(t, r.Manager, regtoken.Filter{}))
}

func TestNewValidationError(t *testing.T) {
	require.NoError(t, regtoken.NewValidationError())
	err := regtoken.NewValidationError(regtoken.FieldError{Field: "quota", Rule: "must be positive"}, regtoken.FieldError{Field: "team", Rule: "must exist"})
	require.Equal(t, []string{"quota", "team"}, fields(t, err))
	require.EqualError(t, err, "regtoken: invalid: quota must be positive; team must exist")
}

func TestTokenNames(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"abc", "a-b", "a--9", "aBC", "a12", strings.Repeat("a", 63), "zZ0"} {
		r.create(t, regtoken.TokenSpec{Name: name})
	}
	for _, name := range []string{
		"", "ab", strings.Repeat("a", 64), "Abc", "9bc", "-bc", "ab-", "a_b", "a.b", "a/b", "a b", "abç", "ab\x00", "аbc", "abc\n", "rgt_abc",
	} {
		_, _, err := r.CreateToken(t.Context(), regtoken.TokenSpec{Name: name})
		require.Contains(t, fields(t, err), "name", "%q", name)
		if name != "" {
			require.NotContains(t, err.Error(), name)
		}
		_, err = r.TokenByName(t.Context(), name)
		require.Contains(t, fields(t, err), "name", "%q", name)
	}
}
