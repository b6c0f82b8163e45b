package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/internal/testpostgres"
	"github.com/regtoken/regtoken/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command is one run of the command.
type command struct {
	code           int
	stdout, stderr string
}

func runCommand(ctx context.Context, args ...string) command {
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr)
	return command{code, stdout.String(), stderr.String()}
}

// onManager does something with the tokens of a store.
func onManager(t *testing.T, url string, do func(*regtoken.Manager)) {
	t.Helper()
	open, err := parse(url, mayBeNew)
	require.NoError(t, err)
	s, err := open(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	manager, err := regtoken.NewManager(s, nil)
	require.NoError(t, err)
	do(manager)
}

// fill makes tokens of two registries and returns their credentials.
func fill(t *testing.T, url string, n int) (credentials []regtoken.Credential) {
	t.Helper()
	onManager(t, url, func(m *regtoken.Manager) {
		for i := range n {
			registry := []string{"", "europe"}[i%2]
			_, credential, err := m.Registry(registry).CreateToken(t.Context(), regtoken.TokenSpec{
				Name: fmt.Sprintf("token-%d", i), Scopes: []regtoken.Scope{regtoken.RegistryScope("*")},
			})
			require.NoError(t, err)
			credentials = append(credentials, credential)
		}
	})
	return credentials
}

func requireLogins(t *testing.T, url string, credentials []regtoken.Credential) {
	t.Helper()
	onManager(t, url, func(m *regtoken.Manager) {
		for i, credential := range credentials {
			_, err := m.Registry([]string{"", "europe"}[i%2]).Authenticate(t.Context(), credential.Login())
			require.NoError(t, err)
		}
	})
}

func newSQLite(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tokens.db")
}

func TestMigrate(t *testing.T) {
	from, to := newSQLite(t), newSQLite(t)
	credentials := fill(t, from, 150)

	got := runCommand(t.Context(), "-from", from, "-to", to)
	require.Equal(t, done, got.code, got.stderr)
	require.Equal(t, "the destination equals the source: 150 tokens (150 created, 0 replaced, 0 deleted)\n", got.stdout)
	require.Contains(t, got.stderr, "copying   100 tokens read, 0 as they should be; 100 created, 0 replaced, 0 deleted\n")
	require.Contains(t, got.stderr, "verifying 100 tokens read, 100 as they should be; 150 created, 0 replaced, 0 deleted\n")
	require.Contains(t, got.stderr, "finished  150 tokens read, 150 as they should be; 150 created, 0 replaced, 0 deleted\n")
	requireLogins(t, to, credentials)

	got = runCommand(t.Context(), "-from", from, "-to", to)
	require.Equal(t, done, got.code, got.stderr)
	require.Contains(t, got.stdout, "150 tokens (0 created")

	// A revocation at the destination is not taken back without -overwrite.
	revoked := credentials[0].Name
	onManager(t, to, func(m *regtoken.Manager) {
		token, err := m.TokenByName(t.Context(), revoked)
		require.NoError(t, err)
		require.NoError(t, m.DeleteToken(t.Context(), token.ID))
	})
	t.Setenv("MIGRATE_FROM", from)
	t.Setenv("MIGRATE_TO", to)
	got = runCommand(t.Context())
	require.Equal(t, differs, got.code)
	require.Contains(t, got.stderr, revoked)
	require.Contains(t, got.stderr, "nothing was written")
	require.Empty(t, got.stdout)
	got = runCommand(t.Context(), "-overwrite")
	require.Equal(t, done, got.code, got.stderr)
	require.Contains(t, got.stdout, "1 created")
	requireLogins(t, to, credentials)
}

func TestMigrateAcrossStores(t *testing.T) {
	start, end := newSQLite(t), newSQLite(t)
	credentials := fill(t, start, 20)
	postgres := testpostgres.Start(t)
	cluster := testetcd.Start(t, 1)
	stores := []string{
		start,
		postgres.URL(postgres.CreateDatabase(t)),
		"etcd://" + strings.Join(cluster.Addrs(), ",") + "/tokens/",
		end,
	}
	password, _ := must(url.Parse(stores[1])).User.Password()
	require.NotEmpty(t, password)
	for i, to := range stores[1:] {
		got := runCommand(t.Context(), "-from", stores[i], "-to", to)
		require.Equal(t, done, got.code, got.stderr)
		require.Contains(t, got.stdout, "20 tokens (20 created")
		require.NotContains(t, got.stdout+got.stderr, password)
	}
	requireLogins(t, end, credentials)
	got := runCommand(t.Context(), "-from", stores[2], "-to", end)
	require.Equal(t, done, got.code, got.stderr)
	require.Contains(t, got.stdout, "20 tokens (0 created", "nothing was lost on the way")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What can be wrong, and that no password comes out by it.
func TestMigrateRefuses(t *testing.T) {
	const password = "hunter2"
	good := newSQLite(t)
	for _, row := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"-h"}, done, "-overwrite"},
		{"nothing", nil, misused, "-from: is missing\n-to: is missing"},
		{"an unknown flag", []string{"-form", password}, misused, "not defined"},
		{"stores without flags", []string{"-from", good, "-to", good, "postgres://me:" + password + "@db/tokens"}, misused, "belongs to no flag"},
		{"an unknown store", []string{"-from", good, "-to", "mysql://me:" + password + "@db/tokens"}, misused, "-to: names none of"},
		{"a password alone", []string{"-from", password, "-to", good}, misused, "-from: names none of"},
		{"etcd without a host", []string{"-from", good, "-to", "etcd:///prefix"}, misused, "-to: is not of the form"},
		{"etcd without slashes", []string{"-from", good, "-to", "etcd:localhost:2379"}, misused, "-to: is not of the form"},
		{"etcd without a port", []string{"-from", good, "-to", "etcd://me:" + password + "@localhost"}, misused, "-to: is not of the form"},
		{"etcd with a bare percent", []string{"-from", good, "-to", "etcd://me:%" + password + "@localhost:2379"}, misused, "not escaped"},
		{"etcd with a bare slash", []string{"-from", good, "-to", "etcd://me:" + password + "/2@localhost:2379"}, misused, "not escaped"},
		{"a broken connection string", []string{"-from", "postgres://me:" + password + "@db:port/%%", "-to", good}, failed, "opening the source: "},
		{"a server that is not there", []string{"-from", "postgres://me:" + password + "@127.0.0.1:1/db", "-to", good}, failed, "opening the source: "},
		{"a file that is not there", []string{"-from", good + "-mistyped", "-to", good}, failed, "no such file"},
		{"a folder that is not there", []string{"-from", good, "-to", "sqlite:" + filepath.Join(t.TempDir(), "none", "tokens.db")}, failed, "opening the destination: "},
		{"the store itself", []string{"-from", good, "-to", good}, failed, "the destination is the source"},
	} {
		t.Run(row.name, func(t *testing.T) {
			onManager(t, good, func(*regtoken.Manager) {}) // it is there, and empty
			got := runCommand(t.Context(), row.args...)
			require.Equal(t, row.code, got.code, got.stderr)
			require.Contains(t, got.stderr, row.says)
			require.Empty(t, got.stdout)
			require.NotContains(t, got.stderr, password)
		})
	}
	_, err := os.Stat(strings.TrimPrefix(good, "sqlite:") + "-mistyped")
	require.ErrorIs(t, err, os.ErrNotExist, "none was made")
}

func TestMigrateInterrupted(t *testing.T) {
	from, to := newSQLite(t), newSQLite(t)
	credentials := fill(t, from, 150)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	stderr := writerFunc(func(text []byte) (int, error) {
		if bytes.HasPrefix(text, []byte("copying")) {
			cancel()
		}
		return stdout.Write(text)
	})
	require.Equal(t, failed, run(ctx, []string{"-from", from, "-to", to}, &stdout, stderr))
	require.Contains(t, stdout.String(), "the copy is unfinished")
	got := runCommand(t.Context(), "-from", to, "-to", newSQLite(t))
	require.Equal(t, failed, got.code)
	require.Contains(t, got.stderr, "source is an unfinished copy")

	got = runCommand(t.Context(), "-from", from, "-to", to)
	require.Equal(t, done, got.code, got.stderr)
	require.Contains(t, got.stdout, "150 tokens (50 created")
	requireLogins(t, to, credentials)
}

type writerFunc func(text []byte) (int, error)

func (f writerFunc) Write(text []byte) (int, error) { return f(text) }

func TestProgressIsCalm(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tell := progress(&out, func() time.Time { return now })
	for i := range 21 {
		tell(store.CopyReport{Phase: store.PhaseCopying, Read: 100 * i})
		now = now.Add(100 * time.Millisecond)
	}
	tell(store.CopyReport{Phase: store.PhaseFinished})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4)
	for i, begins := range []string{"copying   0 ", "copying   1000 ", "copying   2000 ", "finished  0 "} {
		require.True(t, strings.HasPrefix(lines[i], begins), lines[i])
	}
}
