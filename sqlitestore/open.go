package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/regtoken/regtoken/store"
)

// Open opens the database file at path, or creates it, readable by its owner
// alone. Its directory must exist. Close closes the file.
//
// Errors: ErrInvalid for path and opts; ErrUnavailable for a file that cannot
// be used; one that wraps ctx.Err().
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	o, err := opts.orDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(err)
	}
	// What looks like more than a path to SQLite is no path to us.
	if path == "" || path == ":memory:" || strings.HasPrefix(path, "file:") {
		return nil, fmt.Errorf("%w: %q is not the path of a file; New takes whatever the driver opens", store.ErrInvalid, path)
	}
	path, err = filepath.Abs(path) // connections are opened later, too
	if err != nil {
		return nil, unavailable(err)
	}
	if err := create(path); err != nil {
		return nil, unavailable(err)
	}
	connector, err := sqlite.NewConnector(dsn(path, o.BusyTimeout))
	if err != nil {
		return nil, unavailable(err)
	}
	db := sql.OpenDB(connector)
	// Connections are kept: each has its prepared statements. One is for
	// writing; more than the others could not read at once anyhow.
	db.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)) + 1)
	db.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)) + 1)
	if err := makeWAL(ctx, db, o.BusyTimeout); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s, err := newStore(ctx, db, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.owned = true
	return s, nil
}

// creating keeps every Open of this process away from a file that create has
// open: a process that closes a file loses all its locks on it.
var creating sync.Mutex

// create makes an empty file if there is none, before SQLite would with the
// permissions of the umask. The log beside it gets its permissions from it.
func create(path string) error {
	creating.Lock()
	defer creating.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn names the file at path, in full, and what each connection to it begins
// with.
func dsn(path string, busyTimeout time.Duration) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	milliseconds := min(max(1, busyTimeout.Milliseconds()), math.MaxInt32)
	name := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"_busy_timeout": {strconv.FormatInt(milliseconds, 10)},
		"_synchronous":  {"FULL"},
	}.Encode()}
	return name.String()
}

// makeWAL puts a new file into WAL mode, where it stays. SQLite does not wait
// for others who do the same.
func makeWAL(ctx context.Context, db *sql.DB, patience time.Duration) error {
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		_, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		if err == nil || !isBusy(err) {
			if err != nil {
				return failed(ctx, err)
			}
			return nil
		}
		select {
		case <-retry.C:
		case <-timeout.C:
			return unavailable(err)
		case <-ctx.Done():
			return ended(ctx.Err())
		}
	}
}

func isBusy(err error) bool {
	var sqliteErr *sqlite.Error
	return errors.As(err, &sqliteErr) && sqliteErr.Code()&0xff == sqlite3.SQLITE_BUSY
}
