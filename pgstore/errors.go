package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/regtoken/regtoken/store"
)

func closed() error { return fmt.Errorf("pgstore: %w", store.ErrClosed) }

func ended(err error) error { return fmt.Errorf("pgstore: %w", err) }

// unavailable is ErrUnavailable because of err, of the driver or the server.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		// A limit of the driver's own, as connect_timeout: only its text, lest
		// it be taken for the end of the caller's context.
		return fmt.Errorf("%w: pgstore: %s", store.ErrUnavailable, err.Error())
	}
	return fmt.Errorf("%w: pgstore: %w", store.ErrUnavailable, err)
}

// harmless is the error of a call with ctx that failed for err and surely
// changed nothing.
func (s *Store) harmless(ctx context.Context, err error) error {
	if err := s.usable(ctx); err != nil {
		return err // why it was cut off
	}
	return unavailable(err)
}

// ofWrite is the error of a write with ctx that failed for err after it had a
// connection.
func (s *Store) ofWrite(ctx context.Context, err error) error {
	if surelyNothing(err) {
		return s.harmless(ctx, err)
	}
	if cutOff := s.usable(ctx); cutOff != nil {
		return fmt.Errorf("%w: %w: %w", store.ErrUnknown, cutOff, err)
	}
	return fmt.Errorf("%w: pgstore: %w", store.ErrUnknown, err)
}

// surelyNothing reports whether a write, of one statement that is a
// transaction by itself, left no trace for sure when it failed for err.
func surelyNothing(err error) bool {
	if pgconn.SafeToRetry(err) {
		return true // not a byte was sent
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false // sent, and the connection or ctx ended before the answer
	}
	if severity := answer.SeverityUnlocalized; severity != "" && severity != "ERROR" {
		// FATAL or PANIC: the server ended the session, which it may do
		// between the commit and its acknowledgement.
		return false
	}
	switch code := answer.Code; {
	case strings.HasPrefix(code, "08"):
		// connection_exception: a pooler lost its server, at whatever point.
		return false
	case strings.HasPrefix(code, "57P"):
		// admin_shutdown, crash_shutdown and the like: as FATAL.
		return false
	case code == "40003":
		// statement_completion_unknown.
		return false
	}
	// Everything else was said before the commit, and rolled back: refused
	// rights, a read-only server (25006), lock and statement timeouts, a
	// serialization failure or deadlock (40001, 40P01), a full disk.
	return true
}
