package regtoken_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/store"
)

// The secrets whose digests the vectors hold.
const (
	currentSecret = "rgt_CurrentSecretOfAVectorForTests0011N3K9"
	earlierSecret = "rgt_EarlierSecretOfAVectorForTests001bc5zw"
	minimalSecret = "x9_AnotherPrefixWasUsedForThisOne013DNk6l"
)

// A recordVector is a record as it was written once, and what it has said since.
type recordVector struct {
	file   string // in testdata/records; a line break at its end is none of the record's
	token  regtoken.Token
	logins []string // the secrets
	writes string   // the vector that it becomes when it is written
}

func recordVectors() []recordVector {
	full := regtoken.Token{
		ID:        uuid.MustParse("019c9f00-0000-7000-8000-00000000000f"),
		Name:      "of-a-vector",
		Owner:     "R&D <ci@example.com> \"Zoë\" \\ \u2028",
		Status:    regtoken.Disabled,
		CreatedAt: time.Date(2026, 2, 1, 9, 30, 0, 25e7, time.UTC),
		ExpiresAt: time.Date(2026, 6, 1, 0, 0, 0, 1e6, time.UTC),
		Scopes: []regtoken.Scope{
			regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
			regtoken.RepositoryScope("*/prod-*", regtoken.Pull|regtoken.Push|regtoken.Admin),
			regtoken.RepositoryScope("a", regtoken.Admin),
			regtoken.RegistryScope("*"),
		},
		Secrets: []regtoken.Secret{
			{
				ID:        uuid.MustParse("019c9f00-0000-7000-8000-000000000002"),
				CreatedAt: time.Date(2026, 3, 1, 11, 59, 0, 1e6, time.UTC),
			},
			{
				ID:        uuid.MustParse("019c9f00-0000-7000-8000-000000000001"),
				CreatedAt: time.Date(2026, 2, 1, 9, 30, 0, 25e7, time.UTC),
				ExpiresAt: time.Date(2026, 3, 1, 13, 0, 0, 999e6, time.UTC),
			},
		},
	}
	minimal := regtoken.Token{
		ID:        full.ID,
		Name:      full.Name,
		Status:    regtoken.Enabled,
		CreatedAt: start,
		Secrets:   []regtoken.Secret{{ID: uuid.MustParse("019c9f00-0000-7000-8000-000000000003"), CreatedAt: start}},
	}
	return []recordVector{
		{"v1-full.json", full, []string{currentSecret, earlierSecret}, "v1-full.json"},
		{"v1-minimal.json", minimal, []string{minimalSecret}, "v1-minimal.json"},
		{"v1-odd.json", full, []string{currentSecret, earlierSecret}, "v1-full.json"}, // as nobody writes it
	}
}

func readRecordVector(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "records", file))
	require.NoError(t, err)
	return strings.TrimSuffix(string(data), "\n")
}

// Whatever a version of this library wrote, every later one reads; and what
// this one writes does not drift by a byte, since older ones may have to read it.
func TestRecordVectors(t *testing.T) {
	var files []string
	for _, v := range recordVectors() {
		files = append(files, v.file)
		t.Run(v.file, func(t *testing.T) {
			ctx := t.Context()
			r := newRig(t)
			_, err := r.store.Put(ctx, store.Record{
				ID: v.token.ID, Name: v.token.Name, ExpiresAt: v.token.ExpiresAt, Data: []byte(readRecordVector(t, v.file)),
			})
			require.NoError(t, err)
			token, err := r.TokenByName(ctx, v.token.Name)
			require.NoError(t, err)
			require.Equal(t, v.token, token)

			other, back := regtoken.Enabled, regtoken.Disabled
			if token.Status == regtoken.Enabled {
				other, back = back, other
			}
			for _, status := range []regtoken.Status{other, back} {
				_, err = r.EditToken(ctx, token.ID, regtoken.Edit{Status: status})
				require.NoError(t, err)
				for i, secret := range v.logins {
					grant, err := r.Authenticate(ctx, regtoken.Login{Name: token.Name, Password: regtoken.NewPassword(secret)})
					if status == regtoken.Disabled {
						require.ErrorIs(t, err, regtoken.ErrUnauthenticated)
						continue
					}
					require.NoError(t, err)
					require.Equal(t, token.Secrets[i], grant.Secret())
				}
			}
			record, err := r.store.Get(ctx, token.ID)
			require.NoError(t, err)
			require.Equal(t, readRecordVector(t, v.writes), string(record.Data))
			require.Equal(t, v.token.ExpiresAt, record.ExpiresAt)
		})
	}
	committed, err := os.ReadDir(filepath.Join("testdata", "records"))
	require.NoError(t, err)
	for _, file := range committed {
		require.Contains(t, files, file.Name(), "every vector is tried")
	}
}

// A record of a newer version waits for a process that can read it: this one
// neither lets it in, nor changes it, nor takes it for anything else. Its
// columns are outside the encoding and go on working.
func TestRecordsOfNewerVersions(t *testing.T) {
	full := strings.TrimPrefix(readRecordVector(t, "v1-full.json"), `{"v":1,`)
	for _, row := range []struct {
		data    string
		version int
	}{
		{`{"v":2,` + full, 2}, // even if it looks the same
		{`{"networks":["10.0.0.0/8"],"nested":{"v":1,"x":[{}]},"v":2}`, 2},
		{`{"v":99,"secrets":"in a vault","v":1}`, 99},
		{`{"v":2,"then":nothing that is JSON`, 2},
	} {
		t.Run(row.data[:min(len(row.data), 30)], func(t *testing.T) {
			ctx := t.Context()
			r := newRig(t)
			want := store.Record{ID: recordVectors()[0].token.ID, Name: "newer", ExpiresAt: start.Add(time.Hour), Data: []byte(row.data)}
			var err error
			want.Rev, err = r.store.Put(ctx, want)
			require.NoError(t, err)
			id := want.ID
			login := regtoken.Login{Name: "newer", Password: regtoken.NewPassword(currentSecret)}
			calls := map[string]func() error{
				"Authenticate": func() error { _, err := r.Authenticate(ctx, login); return err },
				"GrantFor":     func() error { _, err := r.GrantFor(ctx, id, recordVectors()[0].token.Secrets[0].ID); return err },
				"Authorize":    func() error { return r.Authorize(ctx, login, "a", regtoken.Admin) },
				"Token":        func() error { _, err := r.Token(ctx, id); return err },
				"TokenByName":  func() error { _, err := r.TokenByName(ctx, "newer"); return err },
				"EditToken": func() error {
					_, err := r.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.ClearExpiry()})
					return err
				},
				"AddScopes":       func() error { _, err := r.AddScopes(ctx, id, regtoken.RegistryScope("*")); return err },
				"RemoveScope":     func() error { _, err := r.RemoveScope(ctx, id, regtoken.RegistryScope("*")); return err },
				"RemoveAllScopes": func() error { _, err := r.RemoveAllScopes(ctx, id); return err },
				"RotateSecret":    func() error { _, err := r.RotateSecret(ctx, id, 0); return err },
				"RetireOldSecret": func() error { _, err := r.RetireOldSecret(ctx, id); return err },
			}
			says := fmt.Sprintf("version %d; this library reads version 1 and no newer one: upgrade this process", row.version)
			for name, call := range calls {
				err := call()
				require.ErrorIs(t, err, regtoken.ErrUnavailable, name)
				require.ErrorContains(t, err, says, name)
				require.ErrorContains(t, err, id.String(), name)
			}
			_, _, err = r.CreateToken(ctx, regtoken.TokenSpec{Name: "newer"})
			require.ErrorIs(t, err, regtoken.ErrNameTaken)
			r.clock.Advance(time.Hour - time.Millisecond)
			swept, err := r.Sweep(ctx)
			require.NoError(t, err)
			require.Zero(t, swept)
			got, err := r.store.Get(ctx, id)
			require.NoError(t, err)
			require.Equal(t, want, got, "nothing of it has changed")

			r.clock.Advance(time.Millisecond)
			require.ErrorIs(t, calls["TokenByName"](), regtoken.ErrNotFound)
			require.ErrorIs(t, calls["EditToken"](), regtoken.ErrNotFound)
			require.ErrorIs(t, calls["Authenticate"](), regtoken.ErrUnauthenticated)
			r.log.Take()
			swept, err = r.Sweep(ctx)
			require.NoError(t, err)
			require.Equal(t, 1, swept, "its expiry is a column")
			events := r.log.Take()
			require.Len(t, events, 1)
			require.Equal(t, []any{regtoken.OpExpire, "newer", ""}, []any{events[0].Operation, events[0].TokenName, events[0].Owner})
		})
	}
}

// Deleting needs no more than the ID: a token can be revoked by whichever
// process is at hand.
func TestDeleteRecordOfNewerVersion(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	record := store.Record{ID: recordVectors()[0].token.ID, Name: "newer", Data: []byte(`{"v":2}`)}
	_, err := r.store.Put(ctx, record)
	require.NoError(t, err)
	require.NoError(t, r.DeleteToken(ctx, record.ID))
	_, err = r.store.Get(ctx, record.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.True(t, slices.ContainsFunc(r.log.Take(), func(e regtoken.Event) bool {
		return e.Operation == regtoken.OpDelete && e.Outcome == regtoken.Succeeded && e.TokenName == "newer"
	}))
}

// The version stands once: where two readers could find two of them, neither
// is believed.
func TestRecordsOfNoVersion(t *testing.T) {
	full := strings.TrimPrefix(readRecordVector(t, "v1-full.json"), `{"v":1,`)
	for data, says := range map[string]string{
		`{"v":1,"v":2,` + full:              "two versions",
		`{"v":2,"v":1,` + full:              "version 2;",
		`{"V":1,` + full:                    "version 0: there is no such version",
		`{"v":-1,` + full:                   "version -1: there is no such version",
		`{"v":1.5,` + full:                  "1.5",
		`{"v":"1",` + full:                  "string",
		`{"v":18446744073709551617,` + full: "18446744073709551617",
		`{"v":null,` + full:                 "version 0",
		`[1]`:                               "version 0",
		`{"owner":nobody,"v":1,` + full:     "invalid character",
		`{"owner":"me",v:1,` + full:         "invalid character",
	} {
		r := newRig(t)
		id := recordVectors()[0].token.ID
		_, err := r.store.Put(t.Context(), store.Record{ID: id, Name: "odd", Data: []byte(data)})
		require.NoError(t, err)
		_, err = r.Token(t.Context(), id)
		require.ErrorIs(t, err, regtoken.ErrUnavailable, data)
		require.ErrorContains(t, err, says, data)
	}
}
