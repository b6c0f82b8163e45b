//go:build unix

package testpostgres_test

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testpostgres"
)

func TestStopKillAndStartAgain(t *testing.T) {
	c := testpostgres.Start(t)
	addr, database := c.Addr(), c.CreateDatabase(t)
	require.Equal(t, "on|on", c.SQL(t, "", "SELECT current_setting('fsync'), current_setting('synchronous_commit')"))
	require.Equal(t, "127.0.0.1|", c.SQL(t, "", "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"))
	c.SQL(t, database, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")

	for name, end := range map[string]func(testing.TB){"Stop": c.Stop, "Kill": c.Kill} {
		t.Run(name, func(t *testing.T) {
			end(t)
			end(t) // nothing more to do
			_, err := net.Dial("tcp", addr)
			require.Error(t, err)
			c.Start(t)
			require.Equal(t, addr, c.Addr())
			require.Equal(t, "1", c.SQL(t, database, "SELECT n FROM kept"))
		})
	}
}

func TestRestoreData(t *testing.T) {
	c := testpostgres.Start(t)
	backup := filepath.Join(t.TempDir(), "backup")
	c.SQL(t, "", "CREATE TABLE tries (n int); INSERT INTO tries VALUES (1)")
	c.Stop(t)
	c.CopyData(t, backup)
	c.Start(t)
	c.SQL(t, "", "INSERT INTO tries VALUES (2)")
	c.Kill(t)
	c.RestoreData(t, backup)
	c.Start(t)
	require.Equal(t, "1", c.SQL(t, "", "SELECT n FROM tries"))
}

func TestDump(t *testing.T) {
	c := testpostgres.Start(t)
	database := c.CreateDatabase(t)
	c.SQL(t, database, "CREATE TABLE tries (n int); INSERT INTO tries VALUES (1)")
	restore := c.Dump(t, database)
	c.SQL(t, database, "INSERT INTO tries VALUES (2)")
	require.Equal(t, "1", c.SQL(t, restore(t), "SELECT n FROM tries"))
}

func TestStandby(t *testing.T) {
	primary := testpostgres.Start(t)
	primary.SQL(t, "", "CREATE TABLE written (n int)")
	standby := primary.Standby(t)
	write := func(n string) { primary.SQL(t, "", "INSERT INTO written VALUES ("+n+")") }
	seen := func() string { return standby.SQL(t, "", "SELECT max(n) FROM written") }

	write("1")
	standby.AwaitReplay(t, primary)
	require.Equal(t, "1", seen())
	standby.PauseReplay(t)
	write("2")
	require.Equal(t, "1", seen())
	standby.ResumeReplay(t)
	standby.AwaitReplay(t, primary)
	require.Equal(t, "2", seen())
	standby.StopStreaming(t)
	write("3")
	primary.Kill(t)
	standby.Promote(t)
	require.Equal(t, "2", seen(), "the tail was lost")
	standby.SQL(t, "", "INSERT INTO written VALUES (4)")
}

func TestURLVia(t *testing.T) {
	c := testpostgres.Start(t)
	require.Contains(t, c.URL(""), "@"+c.Addr()+"/postgres?")
	require.Contains(t, c.URLVia("127.0.0.1:1", "other"), "@127.0.0.1:1/other?")
}

// A recorder notes how a test ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()      {}
func (r *recorder) Skip(...any)  { r.ended = "skipped" }
func (r *recorder) Fatal(...any) { r.ended = "failed" }

func TestSkip(t *testing.T) {
	for _, test := range []struct {
		name, ci string
		err      error
		want     string
	}{
		{"installed", "true", nil, ""},
		{"a developer's run", "", testpostgres.ErrNotInstalled, "skipped"},
		{"a CI run", "true", testpostgres.ErrNotInstalled, "failed"},
		{"something else", "", errors.New("no space left"), "failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CI", test.ci)
			r := &recorder{TB: t}
			testpostgres.Skip(r, test.err)
			require.Equal(t, test.want, r.ended)
		})
	}
}
