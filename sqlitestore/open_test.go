package sqlitestore_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

func TestOpenTakesAnyPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"plain.db", "a b.db", "100%.db", "%41.db", "q?mode=ro.db", "a#b.db", "é.db", "a&_synchronous=OFF.db"} {
		s := openStore(t, path, nil)
		r := create(t, s, "name")
		require.FileExists(t, path)
		requireStands(t, openStore(t, path, nil), r)
	}
}

func TestOpenStaysWithItsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	s := openStore(t, "tokens.db", nil)
	t.Chdir(t.TempDir())
	requireStands(t, s, create(t, s, "name")) // by connections that it opens now
	require.NoFileExists(t, "tokens.db")
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are other than the owner's there")
	}
	path := newPath(t)
	create(t, openStore(t, path, nil), "name")
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode(), file)
	}
}

func TestOpenRefuses(t *testing.T) {
	garbage := newPath(t)
	require.NoError(t, os.WriteFile(garbage, bytes.Repeat([]byte("no database"), 1000), 0o600))
	for name, c := range map[string]struct {
		path string
		opts *sqlitestore.Options
		want error
	}{
		"no path":                {"", nil, store.ErrInvalid},
		"memory":                 {":memory:", nil, store.ErrInvalid},
		"a URI":                  {"file:tokens.db", nil, store.ErrInvalid},
		"a negative size":        {newPath(t), &sqlitestore.Options{FeedSize: -1}, store.ErrInvalid},
		"a negative timeout":     {newPath(t), &sqlitestore.Options{BusyTimeout: -1}, store.ErrInvalid},
		"no directory":           {filepath.Join(t.TempDir(), "none", "tokens.db"), nil, store.ErrUnavailable},
		"a directory":            {t.TempDir(), nil, store.ErrUnavailable},
		"a file of another kind": {garbage, nil, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlitestore.Open(t.Context(), c.path, c.opts)
			require.ErrorIs(t, err, c.want)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := newPath(t)
	_, err := sqlitestore.Open(ctx, path, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, path)
}

func TestOpenWithTheLongestTimeout(t *testing.T) {
	s := openStore(t, newPath(t), &sqlitestore.Options{BusyTimeout: 1<<63 - 1})
	requireStands(t, s, create(t, s, "name"))
}

// The shortest waits, too, though not for long.
func TestOpenWithTheShortestTimeout(t *testing.T) {
	s := openStore(t, newPath(t), &sqlitestore.Options{BusyTimeout: time.Nanosecond})
	create(t, s, "name")
	var timeout int
	require.NoError(t, s.Writer(t.Context(), "PRAGMA busy_timeout", &timeout))
	require.Equal(t, 1, timeout)
}
