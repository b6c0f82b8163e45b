package regtoken

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/store"
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
			requireSameRecord(t, r, s)
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

// requireSameRecord requires that an exact snapshot becomes the record that it
// was made of.
func requireSameRecord(t *testing.T, want store.Record, s snapshot) {
	t.Helper()
	require.True(t, s.head().exact)
	e := s.entry()
	got, err := e.record()
	require.NoError(t, err)
	require.Equal(t, string(want.Data), string(got.Data))
	require.Equal(t, want, got)
	decoded, err := decodeRecord(want)
	require.NoError(t, err)
	require.Equal(t, decoded, e)
}

// TestSnapshotOfRandomRecords: what a change begins from is what it would have
// read, byte for byte.
func TestSnapshotOfRandomRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	instant := func() time.Time {
		return time.UnixMilli(random.Int64N(250_000_000_000_000) - 60_000_000_000_000).UTC() // the years 68 to 9892
	}
	paths := []string{"*", "a", "team/*", "*/prod-*", "a/b_c/d.e-f", strings.Repeat("x", 255)}
	for range 2000 {
		created := instant()
		e := entry{rev: store.Rev(1 + random.Int64N(math.MaxInt64-1)), Token: Token{
			ID:        newID(created),
			Registry:  strings.Repeat("r", random.IntN(64)),
			Name:      strings.Repeat("n", 3+random.IntN(61)),
			Owner:     strings.Repeat("<ö\u2028\">", random.IntN(20)),
			Status:    []Status{Enabled, Disabled}[random.IntN(2)],
			CreatedAt: created,
		}}
		if random.IntN(2) == 0 {
			e.ID = uuid.New()
		}
		if random.IntN(2) == 0 {
			e.ExpiresAt = instant()
		}
		for range random.IntN(5) { // doubles too, which no Manager writes
			e.Scopes = append(e.Scopes, RepositoryScope(paths[random.IntN(len(paths))], []Action{Pull, Pull | Push, Admin, Pull | Push | Admin}[random.IntN(4)]))
			if random.IntN(3) == 0 {
				e.Scopes = append(e.Scopes, RegistryScope(paths[random.IntN(len(paths))]))
			}
		}
		for i := range 1 + random.IntN(maxSecrets) {
			s := Secret{ID: newID(created), CreatedAt: []time.Time{created, instant()}[random.IntN(2)]}
			if i > 0 {
				s.ExpiresAt = instant()
			}
			e.Secrets = append(e.Secrets, s)
			e.digests = append(e.digests, digestOf(s.ID.String()))
		}
		r, err := e.record()
		require.NoError(t, err)
		s, err := newSnapshot(r)
		require.NoError(t, err)
		requireSameRecord(t, r, s)
	}
}

// TestInexactSnapshots: of a record that says more than a snapshot can no
// change may begin from one.
func TestInexactSnapshots(t *testing.T) {
	now := time.UnixMilli(1_900_000_000_000).UTC()
	for name, edit := range map[string]func(*entry){
		"created between milliseconds":      func(e *entry) { e.CreatedAt = e.CreatedAt.Add(1) },
		"expires between milliseconds":      func(e *entry) { e.ExpiresAt = now.Add(time.Microsecond) },
		"a secret made between them":        func(e *entry) { e.Secrets[1].CreatedAt = now.Add(-1) },
		"an overlap that ends between them": func(e *entry) { e.Secrets[1].ExpiresAt = now.Add(999_999) },
		"another version":                   func(e *entry) { e.version++ },
	} {
		t.Run(name, func(t *testing.T) {
			e := entry{version: recordVersion, rev: 7, digests: make([]digest, 2), Token: Token{
				ID: newID(now), Name: "abc", Status: Enabled, CreatedAt: now,
				Secrets: []Secret{{ID: newID(now), CreatedAt: now}, {ID: newID(now), CreatedAt: now, ExpiresAt: now}},
			}}
			s, err := e.snapshot(0)
			require.NoError(t, err)
			require.True(t, s.head().exact)
			edit(&e)
			s, err = e.snapshot(0)
			require.NoError(t, err)
			require.False(t, s.head().exact)
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
