package regtoken

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestSnapshotIsTheToken: what the cache keeps of a token is all of it.
func TestSnapshotIsTheToken(t *testing.T) {
	now := time.Date(2031, 2, 3, 4, 5, 6, 789e6, time.UTC)
	secret := Secret{ID: newID(now), CreatedAt: now}
	old := Secret{ID: newID(now.Add(-time.Hour)), CreatedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour)}
	foreign := Secret{ID: uuid.New(), CreatedAt: now}
	scopes := []Scope{RepositoryScope("team/*", Pull|Push), RegistryScope("*"), RepositoryScope("a", Admin)}
	base := Token{ID: newID(now), Name: "ci-runner", Status: Enabled, CreatedAt: now}
	for name, edit := range map[string]func(*Token){
		"plain":         func(t *Token) { t.Secrets = []Secret{secret} },
		"in a registry": func(t *Token) { t.Registry, t.Secrets = "eu", []Secret{secret} },
		"the longest names": func(t *Token) {
			t.Registry, t.Name, t.Secrets = strings.Repeat("r", 63), strings.Repeat("n", 63), []Secret{secret}
		},
		"disabled":                 func(t *Token) { t.Status, t.Secrets = Disabled, []Secret{secret} },
		"expires":                  func(t *Token) { t.ExpiresAt, t.Secrets = now.Add(time.Hour), []Secret{secret} },
		"expires before 1970":      func(t *Token) { t.ExpiresAt, t.Secrets = time.Date(1, 1, 1, 0, 0, 0, 1e6, time.UTC), []Secret{secret} },
		"scopes":                   func(t *Token) { t.Scopes, t.Secrets = scopes, []Secret{secret} },
		"owner":                    func(t *Token) { t.Owner, t.Secrets = "team-x@example.com", []Secret{secret} },
		"the longest owner":        func(t *Token) { t.Owner, t.Secrets = strings.Repeat("ö", 127)+"o", []Secret{secret} },
		"two secrets":              func(t *Token) { t.Owner, t.Secrets = "o", []Secret{secret, old} },
		"IDs tell no time":         func(t *Token) { t.ID, t.Owner, t.Secrets = uuid.New(), "o", []Secret{foreign} },
		"two secrets, IDs no time": func(t *Token) { t.ID, t.Owner, t.Secrets = uuid.New(), "o", []Secret{foreign, old} },
		"created before 1970":      func(t *Token) { t.CreatedAt, t.Secrets = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), []Secret{secret} },
	} {
		t.Run(name, func(t *testing.T) {
			e := entry{Token: base, rev: 7}
			edit(&e.Token)
			for i := range e.Secrets {
				e.digests = append(e.digests, digestOf(e.Secrets[i].ID.String()))
			}
			r, err := e.record()
			require.NoError(t, err)
			r.Rev = 7
			s, err := newSnapshot(r)
			require.NoError(t, err)
			require.Equal(t, e.Token, s.token(maxSecrets))
			require.EqualValues(t, 7, s.Rev())
			for i, d := range e.digests {
				require.Equal(t, i, claim{digest: &d}.find(s))
				require.Equal(t, i, claim{secretID: e.Secrets[i].ID}.find(s))
				require.Equal(t, e.Secrets[i], s.secret(i))
			}
			other := digestOf("other")
			require.Equal(t, -1, claim{digest: &other}.find(s))
			require.Equal(t, -1, claim{secretID: base.ID}.find(s))
			require.Equal(t, e.Secrets[:1], s.token(1).Secrets)
		})
	}
}

// TestDigestIsComparedWhole: a digest that differs in any one bit is another.
func TestDigestIsComparedWhole(t *testing.T) {
	now := time.UnixMilli(0).UTC()
	e := entry{
		Token:   Token{ID: newID(now), Name: "abc", Status: Enabled, Secrets: []Secret{{ID: newID(now)}, {ID: newID(now), ExpiresAt: now}}},
		digests: []digest{digestOf("one"), digestOf("two")},
	}
	r, err := e.record()
	require.NoError(t, err)
	s, err := newSnapshot(r)
	require.NoError(t, err)
	for i, whole := range e.digests {
		for bit := range 8 * len(whole) {
			d := whole
			d[bit/8] ^= 1 << (bit % 8)
			require.Equal(t, -1, claim{digest: &d}.find(s))
		}
		require.Equal(t, i, claim{digest: &whole}.find(s))
	}
}

// TestSnapshotOfALongOwner: a record that no Manager wrote, too long to keep.
func TestSnapshotOfALongOwner(t *testing.T) {
	now := time.UnixMilli(0).UTC()
	e := entry{Token: Token{ID: newID(now), Name: "abc", Status: Enabled, Owner: strings.Repeat("o", 256), Secrets: []Secret{{ID: newID(now)}}}, digests: make([]digest, 1)}
	r, err := e.record()
	require.NoError(t, err)
	_, err = newSnapshot(r)
	require.ErrorIs(t, err, ErrUnavailable)
}

// TestFirstLoginChecksTheChecksum: a text whose digest somebody wrote into a
// record by hand, but which is no secret, is refused by the cache as by the
// store.
func TestFirstLoginChecksTheChecksum(t *testing.T) {
	now := time.UnixMilli(0).UTC()
	e := entry{Token: Token{ID: newID(now), Name: "abc", Status: Enabled, Secrets: []Secret{{ID: newID(now)}}}, digests: []digest{digestOf("hunter2")}}
	r, err := e.record()
	require.NoError(t, err)
	s, err := newSnapshot(r)
	require.NoError(t, err)
	require.False(t, s.isSecret(0, "hunter2"))
	require.False(t, s.HasMark(0))
	text := newSecret("rgt")
	require.True(t, s.isSecret(0, text))
	require.True(t, s.HasMark(0))
}
