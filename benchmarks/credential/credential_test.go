package credential_test

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

// A verify answers whether a password is the right one.
type verify func(password string) bool

// A contender keeps something of a password, by which it verifies others. The
// password is one of ours, for all of them.
type contender struct {
	name  string
	build func(testing.TB) (password string, v verify)
}

// Where what the others do was judged:
//
//   - htpasswd: "htpasswd -B" of Apache takes cost 5 where none is given
//     (httpd's manual of htpasswd, "-C cost"), which is what distribution, zot
//     and docker_auth tell their users to call; all three verify with
//     golang.org/x/crypto/bcrypt. docker_auth's examples/reference.yml shows
//     "$2y$05$" hashes. Cost 10 is that package's DefaultCost, and Gitea's
//     "bcrypt".
//   - Harbor: utils.Encrypt in src/common/utils/encrypt.go, PBKDF2 of 4,096
//     rounds and 16 bytes in hexadecimal; with SHA-256, and with the SHA-1 of
//     accounts that are older.
//   - Gitea: modules/auth/password/hash, whose default ("pbkdf2_v2") is PBKDF2
//     of 50,000 rounds, 50 bytes and SHA-256.
//
// Each does at each request what is timed here; none of them keeps the outcome
// of an earlier one, in these functions.
var contenders = []contender{
	{"sha256.Sum256", buildSum},
	{"regtoken", func(tb testing.TB) (string, verify) { return buildRegtoken(tb, nil) }},
	{"regtoken (uncached)", func(tb testing.TB) (string, verify) { return buildRegtoken(tb, &regtoken.Options{CacheSize: -1}) }},
	{"bcrypt-5 (htpasswd)", buildBcrypt(5)},
	{"bcrypt-10", buildBcrypt(bcrypt.DefaultCost)},
	{"PBKDF2-SHA1-4096 (Harbor)", buildPBKDF2(sha1.New, 4096, 16)},
	{"PBKDF2-SHA256-4096 (Harbor)", buildPBKDF2(sha256.New, 4096, 16)},
	{"PBKDF2-SHA256-50000 (Gitea)", buildPBKDF2(sha256.New, 50_000, 50)},
}

// buildRegtoken is a whole login: Manager.Authenticate on a store in memory,
// from the name and the password to a grant.
func buildRegtoken(tb testing.TB, opts *regtoken.Options) (string, verify) {
	m, err := regtoken.NewManager(memstore.New(), opts)
	require.NoError(tb, err)
	_, credential, err := m.CreateToken(tb.Context(), regtoken.TokenSpec{
		Name: "ci-1", Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	require.NoError(tb, err)
	ctx := tb.Context()
	return credential.Password.Reveal(), func(password string) bool {
		_, err := m.Authenticate(ctx, regtoken.Login{Name: "ci-1", Password: regtoken.NewPassword(password)})
		return err == nil
	}
}

// newPassword returns a secret such as ours are.
func newPassword(tb testing.TB) string {
	password, _ := buildRegtoken(tb, nil)
	return password
}

// buildSum is the floor of ours: the digest and its comparison, no look-up.
func buildSum(tb testing.TB) (string, verify) {
	password := newPassword(tb)
	kept := sha256.Sum256([]byte(password))
	return password, func(password string) bool {
		var buffer [64]byte // keeps the conversion off the heap
		sum := sha256.Sum256(append(buffer[:0], password...))
		return subtle.ConstantTimeCompare(sum[:], kept[:]) == 1
	}
}

func buildBcrypt(cost int) func(testing.TB) (string, verify) {
	return func(tb testing.TB) (string, verify) {
		password := newPassword(tb)
		kept, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		require.NoError(tb, err)
		return password, func(password string) bool {
			return bcrypt.CompareHashAndPassword(kept, []byte(password)) == nil
		}
	}
}

func buildPBKDF2(newHash func() hash.Hash, rounds, length int) func(testing.TB) (string, verify) {
	return func(tb testing.TB) (string, verify) {
		salt := []byte("a salt of 16 ...")
		derive := func(password string) string {
			key, err := pbkdf2.Key(newHash, password, salt, rounds, length)
			require.NoError(tb, err)
			return hex.EncodeToString(key)
		}
		password := newPassword(tb)
		kept := derive(password)
		return password, func(password string) bool {
			return subtle.ConstantTimeCompare([]byte(derive(password)), []byte(kept)) == 1
		}
	}
}

func (v verify) check(tb testing.TB, right, wrong string) {
	tb.Helper()
	require.True(tb, v(right))
	require.False(tb, v(wrong))
}

func TestAnswers(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			right, v := c.build(t)
			v.check(t, right, newPassword(t))
		})
	}
}

// BenchmarkCredential verifies the right password, and a wrong one of the same
// form. Ours asks the store before it refuses that one.
func BenchmarkCredential(b *testing.B) {
	for _, c := range contenders {
		b.Run("peer="+c.name, func(b *testing.B) {
			right, v := c.build(b)
			wrong := newPassword(b)
			v.check(b, right, wrong)
			b.Run("case=right", func(b *testing.B) { v.measure(b, right, true) })
			b.Run("case=wrong", func(b *testing.B) { v.measure(b, wrong, false) })
		})
	}
}

func (v verify) measure(b *testing.B, password string, right bool) {
	b.ReportAllocs()
	for b.Loop() {
		if v(password) != right {
			b.Fatal()
		}
	}
}
