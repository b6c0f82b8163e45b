package pgstore_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// viaPgBouncer starts a transaction pooler in front of the cluster, which ends
// with the test, and returns the way through it.
func viaPgBouncer(tb testing.TB) urlVia {
	tb.Helper()
	program := findPgBouncer(tb)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	addr := listener.Addr().String()
	require.NoError(tb, listener.Close())
	host, port, err := net.SplitHostPort(addr)
	require.NoError(tb, err)
	serverHost, serverPort, err := net.SplitHostPort(cluster.Addr())
	require.NoError(tb, err)

	folder, err := os.MkdirTemp("", "pgbouncer-")
	require.NoError(tb, err)
	tb.Cleanup(func() { os.RemoveAll(folder) })
	config := filepath.Join(folder, "pgbouncer.ini")
	log := filepath.Join(folder, "log")
	users := filepath.Join(folder, "users.txt")
	superuser, err := pgx.ParseConfig(cluster.URL(""))
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", superuser.User, superuser.Password), 0o600))
	require.NoError(tb, os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = plain
auth_file = %s
logfile = %s
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
server_tls_sslmode = disable
`, serverHost, serverPort, host, port, users, log), 0o600))

	cmd := exec.Command(program, config)
	cmd.Dir = folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: unprivileged(tb, folder, config, users)}
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		require.NoError(tb, cmd.Process.Kill())
		var killed *exec.ExitError
		require.ErrorAs(tb, cmd.Wait(), &killed)
	})
	require.Eventually(tb, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, time.Minute, 10*time.Millisecond, "pgbouncer does not listen")
	return func(database string) string { return cluster.URLVia(addr, database) }
}

func findPgBouncer(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // Debian's is not on everybody's PATH
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	err := errors.New("install PgBouncer, for Debian: apt-get install pgbouncer")
	if os.Getenv("CI") == "true" {
		tb.Fatal(err)
	}
	tb.Skip(err)
	return ""
}

// unprivileged returns whom to run a server as that refuses to be root, after
// giving that user the files; nil if this process is not root.
func unprivileged(tb testing.TB, files ...string) *syscall.Credential {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(tb, err)
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(tb, err)
	gid, err := strconv.Atoi(nobody.Gid)
	require.NoError(tb, err)
	for _, file := range files {
		require.NoError(tb, os.Chown(file, uid, gid))
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
