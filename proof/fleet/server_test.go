package fleet_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testpostgres"
)

// A server is a PostgreSQL whose work is measured.
type server struct {
	*testpostgres.Cluster
	database string
}

// work is what a server has done so far.
type work struct {
	statements int           // each is a transaction of its own
	cpu        time.Duration // of all its processes
}

// during returns what the server does in a while, for each second of it.
func (s server) during(tb testing.TB, do func()) rate {
	before, begin := s.done(tb), time.Now()
	do()
	after, seconds := s.done(tb), time.Since(begin).Seconds()
	return rate{
		statements: float64(after.statements-before.statements) / seconds,
		cpu:        (after.cpu - before.cpu).Seconds() / seconds,
	}
}

// rate is work in a second.
type rate struct {
	statements float64
	cpu        float64 // seconds: the share of one processor
}

func (s server) done(tb testing.TB) work {
	commits, err := strconv.Atoi(s.SQL(tb, s.database,
		"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"))
	require.NoError(tb, err)
	return work{statements: commits, cpu: s.cpu(tb)}
}

// cpu adds up what the kernel says of the server's processes: those that live,
// and those that have ended.
func (s server) cpu(tb testing.TB) (sum time.Duration) {
	checkpointer := s.SQL(tb, "", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	postmaster := readStat(tb, checkpointer).parent
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(tb, err)
	for _, file := range files {
		pid := filepath.Base(filepath.Dir(file))
		if pid == postmaster {
			own := readStat(tb, pid)
			sum += own.cpu + own.ended
		} else if one := readStat(tb, pid); one.parent == postmaster {
			sum += one.cpu
		}
	}
	return sum
}

// stat is what Linux tells of a process.
type stat struct {
	parent string
	cpu    time.Duration // its own
	ended  time.Duration // of its children that have ended
}

// tick is Linux's unit of such times, whatever the kernel's own is.
const tick = 10 * time.Millisecond

// readStat returns what there is to know of a process: nothing once it is gone.
func readStat(tb testing.TB, pid string) stat {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return stat{}
	}
	// The second field is the command in parentheses, and may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := func(i int) time.Duration {
		n, err := strconv.Atoi(fields[i])
		require.NoError(tb, err)
		return time.Duration(n) * tick
	}
	return stat{parent: fields[1], cpu: ticks(11) + ticks(12), ended: ticks(13) + ticks(14)}
}
