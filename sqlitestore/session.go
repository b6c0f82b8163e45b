package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/regtoken/regtoken/store"
)

// A session is a connection whose commits are durable, for one writer.
type session struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt // by their text
	broken   bool                 // the connection may be in a transaction
}

func (s *Store) openSession(ctx context.Context) (*session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, failed(ctx, err)
	}
	w := &session{conn: conn, prepared: make(map[string]*sql.Stmt)}
	if err := w.makeDurable(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// makeDurable sees to it that a commit is on the disk when it returns. These
// settings are the connection's own, and who else has it may have changed
// them.
func (w *session) makeDurable(ctx context.Context) error {
	var journal string
	if err := w.conn.QueryRowContext(ctx, "PRAGMA main.journal_mode").Scan(&journal); err != nil {
		return failed(ctx, err)
	}
	if !strings.EqualFold(journal, "wal") {
		return unavailable(fmt.Errorf("PRAGMA journal_mode is %s: set it to WAL", journal))
	}
	synchronous, err := w.synchronous(ctx)
	if err != nil {
		return err
	}
	const off, full = 0, 2
	if synchronous == off {
		return unavailable(errors.New("PRAGMA synchronous is OFF: set it to NORMAL, FULL or EXTRA on all connections"))
	}
	if synchronous < full {
		if _, err := w.conn.ExecContext(ctx, "PRAGMA main.synchronous = FULL"); err != nil {
			return failed(ctx, err)
		}
		if synchronous, err = w.synchronous(ctx); err != nil {
			return err
		}
		if synchronous < full {
			return unavailable(errors.New("PRAGMA synchronous cannot be raised to FULL"))
		}
	}
	// Where fsync alone leaves data in the drive's cache; no effect elsewhere.
	if _, err := w.conn.ExecContext(ctx, "PRAGMA fullfsync = ON"); err != nil {
		return failed(ctx, err)
	}
	return nil
}

func (w *session) synchronous(ctx context.Context) (level int, err error) {
	if err := w.conn.QueryRowContext(ctx, "PRAGMA main.synchronous").Scan(&level); err != nil {
		return 0, failed(ctx, err)
	}
	return level, nil
}

// close gives the connection back, or closes it where it is broken.
func (w *session) close() {
	for _, stmt := range w.prepared {
		_ = stmt.Close() // it ends with the connection at the latest
	}
	if w.broken {
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // rolls back
	}
	_ = w.conn.Close()
}

// transact makes the changes of change in one transaction. Its context does
// not end.
func (w *session) transact(ctx context.Context, change func(context.Context) error) error {
	// IMMEDIATE takes the one write lock, which is held to the commit: the
	// order of writes is the order of commits.
	w.broken = true // until it has come to a good end
	if _, err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return failed(ctx, err)
	}
	ctx = context.WithoutCancel(ctx)
	if err := change(ctx); err != nil {
		w.broken = w.rollback(ctx) != nil
		return err
	}
	if _, err := w.exec(ctx, "COMMIT"); err != nil {
		// Where there is still a transaction to roll back, none was committed.
		// Otherwise the log may hold all of it, and a recovery may find it.
		if w.rollback(ctx) == nil {
			return unavailable(err)
		}
		return fmt.Errorf("sqlitestore: %w: %w", store.ErrUnknown, err)
	}
	w.broken = false
	return nil
}

func (w *session) rollback(ctx context.Context) error {
	_, err := w.exec(ctx, "ROLLBACK")
	return err
}

func (w *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := w.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (w *session) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return w.conn.QueryRowContext(ctx, query, args...)
}

func (w *session) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := w.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	w.prepared[query] = stmt
	return stmt, nil
}
