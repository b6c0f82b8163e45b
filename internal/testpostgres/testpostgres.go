//go:build unix

// Package testpostgres starts PostgreSQL servers for tests: real ones, from
// the binaries of this machine, each with a folder and a port of its own on
// the loopback interface.
//
// A test that wants a server for itself calls [Start]. To share one among all
// tests of a package, call [New] from TestMain, or once from the first test
// that needs it, and [Cluster.Close] at the end. No goroutine stays behind a
// call, so a leak detector has nothing to overlook.
package testpostgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ErrNotInstalled says that this machine has no PostgreSQL server. [Skip]
// knows what follows from that.
var ErrNotInstalled = errors.New("testpostgres: install PostgreSQL, for Debian: apt-get install postgresql")

// superuser is the role that initdb makes and everything here connects as.
const superuser = "postgres"

// A Cluster is one PostgreSQL server and its data: what PostgreSQL calls a
// database cluster. It flushes to disk what it acknowledges (fsync is on); it
// answers on one port of 127.0.0.1 for all its life, and on no socket besides.
// The methods are for one goroutine at a time, but for Addr, URL and URLVia,
// which are safe for concurrent use.
type Cluster struct {
	installation
	folder   string // holds all of it: data, log
	password string
	port     int
	process  *exec.Cmd // nil while the server is down
}

// Start starts a new cluster that is closed at the end of the test. Where
// PostgreSQL is not installed, it does as [Skip].
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := New()
	Skip(tb, err)
	tb.Cleanup(func() { check(tb, c.Close()) })
	return c
}

// Skip ends the test if err is not nil. If it is ErrNotInstalled the test is
// skipped, with a line that says what to install; but where the environment
// has CI=true, that is a failure like any other error.
func Skip(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		tb.Skip(err)
	default:
		tb.Fatal(err)
	}
}

// New starts a new cluster. The caller calls Close.
// Errors: ErrNotInstalled; others say what went wrong, with the server's log.
func New() (*Cluster, error) {
	found, err := findInstallation()
	if err != nil {
		return nil, err
	}
	c, err := found.newCluster(rand.Text())
	if err != nil {
		return nil, err
	}
	if err := c.initialize(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := c.startOnFreePort(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// newCluster returns a cluster in a new folder, without data.
func (i installation) newCluster(password string) (*Cluster, error) {
	folder, err := os.MkdirTemp("", "testpostgres-")
	if err != nil {
		return nil, err
	}
	return &Cluster{installation: i, folder: folder, password: password}, i.own(folder)
}

// Close stops the server at once and removes all it kept. Closing twice is no
// error.
func (c *Cluster) Close() error {
	return errors.Join(c.kill(), os.RemoveAll(c.folder))
}

// initialize makes the data folder.
func (c *Cluster) initialize() error {
	passwordFile := filepath.Join(c.folder, "password")
	if err := os.WriteFile(passwordFile, []byte(c.password), 0o600); err != nil {
		return err
	}
	if err := c.own(passwordFile); err != nil {
		return err
	}
	_, err := c.run("initdb", "--pgdata", c.data(), "--username", superuser, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	return err
}

// Addr is where the server listens, as host:port. It stays the same when the
// server is stopped and started again.
func (c *Cluster) Addr() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// URL is the connection string of a database as superuser. The empty name is
// that of the maintenance database, postgres.
func (c *Cluster) URL(database string) string { return c.URLVia(c.Addr(), database) }

// URLVia is URL through a proxy that listens at addr (host:port).
func (c *Cluster) URLVia(addr, database string) string {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     addr,
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes a new empty database and returns its name. It stays
// until the cluster is closed.
func (c *Cluster) CreateDatabase(tb testing.TB) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text()[:12])
	c.SQL(tb, "", "CREATE DATABASE "+name)
	return name
}

// SQL runs statements in a database, as superuser by psql, and returns what
// they print: one line a row, fields separated by "|".
func (c *Cluster) SQL(tb testing.TB, database, statements string) string {
	tb.Helper()
	output, err := c.sql(database, statements)
	check(tb, err)
	return output
}

func (c *Cluster) sql(database, statements string) (string, error) {
	return c.run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1",
		"--dbname", c.URL(database), "--command", statements)
}

// freePort returns a port that nobody listens on. It lies below those that
// systems hand out by themselves, so that none of these takes it while the
// server is down.
func freePort() (int, error) {
	for range 100 {
		port := 10_000 + int(randomUint16())%20_000
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("testpostgres: no free port")
}

func randomUint16() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return uint16(b[0])<<8 | uint16(b[1])
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
