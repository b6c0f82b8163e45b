package regtoken_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A forge is a store of any number of tokens that takes no memory: it makes up
// the record of the token "ci-runner-7" as it is asked for. Nothing ever changes
// in it.
type forge struct {
	store.Store
	local    bool   // whether its head is
	teams    int    // that the tokens belong to, in turn
	template []byte // of a record's data
	digest   string // that stands in it
	id       uuid.UUID
}

// forgedTeam stands in the path of a scope for the name of the token's team.
const forgedTeam = "some-team"

func newForge(tb testing.TB, local bool, teams int, scopes ...regtoken.Scope) *forge {
	backing := memstore.New()
	m, err := regtoken.NewManager(backing, nil)
	require.NoError(tb, err)
	token, c, err := m.CreateToken(tb.Context(), regtoken.TokenSpec{Name: "template", Owner: "team-platform", Scopes: scopes})
	require.NoError(tb, err)
	r, err := backing.Get(tb.Context(), token.ID)
	require.NoError(tb, err)
	digest := sha256.Sum256([]byte(c.Password.Reveal()))
	f := &forge{
		Store:    backing,
		local:    local,
		teams:    teams,
		template: r.Data,
		digest:   base64.StdEncoding.EncodeToString(digest[:]),
		id:       token.ID,
	}
	require.Equal(tb, 1, bytes.Count(f.template, []byte(f.digest)))
	return f
}

const forgedName = "ci-runner-"

// login returns what token i logs in with.
func (f *forge) login(i int) regtoken.Login {
	return regtoken.Login{Name: forgedName + strconv.Itoa(i), Password: regtoken.NewPassword(forgedSecret(i))}
}

// forgedSecret returns a secret of the form that SPEC's T10 gives.
func forgedSecret(i int) string { return string(appendForgedSecret(nil, i)) }

func appendForgedSecret(secret []byte, i int) []byte {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	start := len(secret)
	secret = append(secret, "rgt_00000000000000000000000000000000"...)
	for at := len(secret); i > 0; i /= 10 {
		at--
		secret[at] = byte('0' + i%10)
	}
	sum := crc32.ChecksumIEEE(secret[start:])
	secret = append(secret, "000000"...)
	for at := len(secret); sum > 0; sum /= 62 {
		at--
		secret[at] = base62[sum%62]
	}
	return secret
}

func (f *forge) HeadIsLocal() bool { return f.local }

func (f *forge) Changes(_ context.Context, after store.Cursor, _ int) (store.Batch, error) {
	return store.Batch{Next: after, CaughtUp: true}, nil
}

func (f *forge) GetByName(_ context.Context, registry, name string) (store.Record, error) {
	i, err := strconv.Atoi(strings.TrimPrefix(name, forgedName))
	if err != nil {
		return store.Record{}, store.ErrNotFound
	}
	digest := sha256.Sum256([]byte(forgedSecret(i)))
	data := bytes.Replace(f.template, []byte(f.digest), []byte(base64.StdEncoding.EncodeToString(digest[:])), 1)
	data = bytes.ReplaceAll(data, []byte(forgedTeam), []byte(fmt.Sprintf("team-%d", i%f.teams)))
	id := f.id // of the same time, so that it still tells when the token was created
	binary.BigEndian.PutUint64(id[8:], uint64(i))
	return store.Record{ID: id, Registry: registry, Name: name, Data: data, Rev: 1}, nil
}
