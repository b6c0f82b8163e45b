//go:build unix

package testpostgres

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// promotionLimit is how long a promotion, or another change of a standby's
// state, may take.
const promotionLimit = time.Minute

// Standby starts a standby of the cluster: a copy with a port of its own that
// follows it by streaming replication and answers reads. It is closed at the
// end of the test.
func (c *Cluster) Standby(tb testing.TB) *Cluster {
	tb.Helper()
	standby, err := c.newCluster(c.password)
	check(tb, err)
	tb.Cleanup(func() { check(tb, standby.Close()) })
	_, err = standby.run("pg_basebackup", "--dbname", c.URL(""), "--pgdata", standby.data(),
		"--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	check(tb, err)
	check(tb, standby.startOnFreePort())
	return standby
}

// AwaitReplay returns when the standby shows everything that the primary has
// committed before the call.
func (c *Cluster) AwaitReplay(tb testing.TB, primary *Cluster) {
	tb.Helper()
	written := primary.SQL(tb, "", "SELECT pg_current_wal_lsn()")
	c.await(tb, fmt.Sprintf("SELECT pg_last_wal_replay_lsn() >= '%s'", written))
}

// PauseReplay lets what a standby shows stand still, until ResumeReplay or
// Promote. It goes on receiving, and a promotion replays what it received: to
// lose it, see StopStreaming.
func (c *Cluster) PauseReplay(tb testing.TB) {
	tb.Helper()
	c.SQL(tb, "", "SELECT pg_wal_replay_pause()")
	c.await(tb, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
}

// ResumeReplay ends PauseReplay.
func (c *Cluster) ResumeReplay(tb testing.TB) {
	tb.Helper()
	c.SQL(tb, "", "SELECT pg_wal_replay_resume()")
}

// StopStreaming parts a standby from its primary for good: what is written
// there from now on, it never gets, and lacks once it is promoted.
func (c *Cluster) StopStreaming(tb testing.TB) {
	tb.Helper()
	c.SQL(tb, "", "ALTER SYSTEM SET primary_conninfo = ''")
	c.SQL(tb, "", "SELECT pg_reload_conf()")
	c.await(tb, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
}

// Promote makes a standby a primary, and returns when it takes writes.
func (c *Cluster) Promote(tb testing.TB) {
	tb.Helper()
	c.SQL(tb, "", "SELECT pg_promote(wait => false)")
	c.await(tb, "SELECT NOT pg_is_in_recovery()")
}

// await asks until the answer is yes.
func (c *Cluster) await(tb testing.TB, query string) {
	tb.Helper()
	for waited := time.Duration(0); waited < promotionLimit; waited += pollInterval {
		if c.SQL(tb, "", query) == "t" {
			return
		}
		time.Sleep(pollInterval)
	}
	check(tb, errors.New("testpostgres: it never came true: "+query))
}
