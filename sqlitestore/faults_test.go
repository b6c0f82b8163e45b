package sqlitestore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

var errFault = errors.New("an I/O error")

// A faultyDriver lets one statement go wrong.
type faultyDriver struct {
	driver.Connector
	statement string
	// fault does what happens instead of exec; nil: nothing goes wrong.
	fault func(conn driver.Conn, exec func() error) error
}

func (d *faultyDriver) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := d.Connector.Connect(ctx)
	return faultyConn{conn, d}, err
}

type faultyConn struct {
	driver.Conn
	driver *faultyDriver
}

func (c faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return faultyStmt{stmt, c, query}, err
}

type faultyStmt struct {
	driver.Stmt
	conn  faultyConn
	query string
}

func (s faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	exec := func() error {
		result, err = s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
		return err
	}
	if d := s.conn.driver; d.fault != nil && s.query == d.statement {
		return result, d.fault(s.conn.Conn, exec)
	}
	return result, exec()
}

func (s faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func rollback(conn driver.Conn) error {
	stmt, err := conn.Prepare("ROLLBACK")
	if err != nil {
		return err
	}
	defer stmt.Close()
	_, err = stmt.(driver.StmtExecContext).ExecContext(context.Background(), nil)
	return err
}

func TestStatementsThatFail(t *testing.T) {
	// What each of them does to the connection is what SQLite does to it.
	notDone := func(driver.Conn, func() error) error { return errFault }
	done := func(_ driver.Conn, exec func() error) error { return errors.Join(exec(), errFault) }
	rolledBack := func(conn driver.Conn, _ func() error) error { return errors.Join(rollback(conn), errFault) }
	for name, c := range map[string]struct {
		statement string
		fault     func(driver.Conn, func() error) error
		want      error
		written   bool
	}{
		"begin refused":                     {"BEGIN IMMEDIATE", notDone, store.ErrUnavailable, false},
		"begin made, said to have failed":   {"BEGIN IMMEDIATE", done, store.ErrUnavailable, false},
		"commit refused, still under way":   {"COMMIT", notDone, store.ErrUnavailable, false},
		"commit failed and was rolled back": {"COMMIT", rolledBack, store.ErrUnknown, false},
		"commit made, said to have failed":  {"COMMIT", done, store.ErrUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newFaultyStore(t)
			d.statement, d.fault = c.statement, c.fault
			r := newRecord("name")
			_, err := s.Put(t.Context(), r)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, errFault)
			d.fault = nil

			_, err = s.Get(t.Context(), r.ID)
			if c.written {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, store.ErrNotFound)
			}
			requireStands(t, s, create(t, s, "another"))
		})
	}
}

// A transaction that cannot be rolled back ends with its connection.
func TestRollbackThatFails(t *testing.T) {
	s, d := newFaultyStore(t)
	r := create(t, s, "name")
	d.statement = "ROLLBACK"
	d.fault = func(driver.Conn, func() error) error { return errFault }
	_, err := s.Put(t.Context(), newRecord("name"))
	require.ErrorIs(t, err, store.ErrExists)
	requireStands(t, s, r)
}

// newFaultyStore returns a store whose driver is as good as any until it is
// told otherwise.
func newFaultyStore(t *testing.T) (*sqlitestore.Store, *faultyDriver) {
	connector, err := sqlite.NewConnector("file:" + newPath(t) + "?_journal_mode=WAL&_busy_timeout=1000")
	require.NoError(t, err)
	d := &faultyDriver{Connector: connector}
	db := sql.OpenDB(d)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return newStore(t, db, nil), d
}

func TestDiskFull(t *testing.T) {
	db := openDB(t, newPath(t), "FULL")
	db.SetMaxOpenConns(1) // max_page_count is the connection's own
	s := newStore(t, db, nil)
	r := create(t, s, "name")
	head, err := s.Head(t.Context())
	require.NoError(t, err)
	var pages int
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA max_page_count = 1").Scan(&pages)) // as many as there are

	large := newRecord("large")
	large.Data = make([]byte, store.MaxData)
	_, err = s.Put(t.Context(), large)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "full")
	_, err = s.Get(t.Context(), large.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	batch, err := s.Changes(t.Context(), head, 10)
	require.NoError(t, err)
	require.Empty(t, batch.Changes)
	requireStands(t, s, r) // which needs no more room

	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA max_page_count = 100000").Scan(&pages))
	_, err = s.Put(t.Context(), large)
	require.NoError(t, err)
}

func TestReadOnly(t *testing.T) {
	path := newPath(t)
	r := create(t, openStore(t, path, nil), "name")
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	s := newStore(t, db, nil)
	got, err := s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, r, got)
	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestFeedThatIsGone(t *testing.T) {
	db := openDB(t, newPath(t), "FULL")
	s := newStore(t, db, nil)
	r := create(t, s, "name")
	mustExec(t, db, `DELETE FROM regtoken_changes`)
	_, err := s.Put(t.Context(), r) // would begin again at revision 1
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Head(t.Context())
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestDatabaseThatItsCallerClosed(t *testing.T) {
	db := openDB(t, newPath(t), "FULL")
	s := newStore(t, db, nil)
	r := create(t, s, "name")
	head, err := s.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for name, call := range map[string]func() error{
		"Get":     func() error { _, err := s.Get(t.Context(), r.ID); return err },
		"List":    func() error { _, err := s.List(t.Context(), store.Query{AllRegistries: true, Limit: 1}); return err },
		"Expired": func() error { _, err := s.Expired(t.Context(), store.MaxTime, 1); return err },
		"Head":    func() error { _, err := s.Head(t.Context()); return err },
		"Changes": func() error { _, err := s.Changes(t.Context(), head, 1); return err },
		"Put":     func() error { _, err := s.Put(t.Context(), r); return err },
		"Delete":  func() error { _, err := s.Delete(t.Context(), r.ID, r.Rev); return err },
	} {
		require.ErrorIs(t, call(), store.ErrUnavailable, name)
	}
}

// lock makes all other writers wait until the returned function is called.
func lock(t *testing.T, path string) (unlock func()) {
	conn, err := openDB(t, path, "FULL").Conn(t.Context())
	require.NoError(t, err)
	mustExec(t, conn, "BEGIN IMMEDIATE")
	return func() {
		mustExec(t, conn, "ROLLBACK")
		require.NoError(t, conn.Close())
	}
}

func TestLockedByAnother(t *testing.T) {
	path := newPath(t)
	opts := &sqlitestore.Options{BusyTimeout: 20 * time.Millisecond}
	s := openStore(t, path, opts)
	r := create(t, s, "name")
	unlock := lock(t, path)
	_, err := s.Put(t.Context(), r)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Delete(t.Context(), r.ID, r.Rev)
	require.ErrorIs(t, err, store.ErrUnavailable)

	other := openStore(t, path, opts) // neither opening nor reading needs the lock
	got, err := other.Get(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, r, got)
	unlock()
	requireStands(t, s, r)
}

func TestContextEndsWhileAnotherHoldsTheLock(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path, &sqlitestore.Options{BusyTimeout: time.Hour})
	r := create(t, s, "name")
	unlock := lock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Delete(ctx, r.ID, r.Rev)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, store.ErrUnknown)
	unlock()
	requireStands(t, s, r)
}

func TestContextEndsWhileWaitingForTheTurn(t *testing.T) {
	s := openStore(t, newPath(t), nil)
	r := create(t, s, "name")
	release := s.HoldWrites()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Delete(ctx, r.ID, r.Rev)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
	requireStands(t, s, r)
}

func TestCloseCutsOffWhoWaitsForTheTurn(t *testing.T) {
	s := openStore(t, newPath(t), nil)
	r := create(t, s, "name")
	defer s.HoldWrites()()
	result := make(chan error, 1)
	go func() {
		_, err := s.Put(context.Background(), r)
		result <- err
	}()
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-result, store.ErrClosed)
}
