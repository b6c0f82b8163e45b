package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/groupcommit"
)

// Options configure a [Store]. The zero Options, and nil, are the defaults.
type Options struct {
	// FeedSize is how many changes are kept for [Store.Changes], and at most
	// 128 more; cursors that stand further back have expired. Zero: 65,536.
	// Negative: invalid. Where Stores on one file differ, the smallest counts.
	FeedSize int

	// BusyTimeout is how long a write waits while others, in other processes
	// mostly, write to the file; [store.ErrUnavailable] after that. Zero: 5
	// seconds. Negative: invalid. [New] leaves it to the connections it is
	// given, whose busy_timeout is the caller's to set.
	BusyTimeout time.Duration
}

const (
	defaultFeedSize    = 65_536
	defaultBusyTimeout = 5 * time.Second
)

func (o *Options) orDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.FeedSize < 0 || opts.BusyTimeout < 0 {
		return Options{}, fmt.Errorf("%w: a negative option", store.ErrInvalid)
	}
	if opts.FeedSize == 0 {
		opts.FeedSize = defaultFeedSize
	}
	if opts.BusyTimeout == 0 {
		opts.BusyTimeout = defaultBusyTimeout
	}
	return opts, nil
}

// A Store is a [store.Store] in a SQLite database. Make one with [Open] or
// [New]; the zero Store is not ready for use. All methods are safe for
// concurrent use, and any number of Stores, in any number of processes, may
// share a database.
//
// A write whose context ends while it waits for its turn changes nothing.
// Once its transaction has begun it goes on to its end, which is near, and says
// truly what came of it.
type Store struct {
	db       *sql.DB
	owned    bool // db is closed with the Store, and no one else uses it
	feedSize int

	byID, byName, inRegistry, inAll, expired, head, changes *sql.Stmt

	writes groupcommit.Queue[*pending]
	writer *session // kept from batch to batch if owned; belongs to who leads one

	close sync.Once
	life  context.Context // ends with Close
	end   context.CancelFunc
	calls sync.RWMutex // held for reading by every call under way
}

var _ store.Store = (*Store)(nil)

// New returns a Store in the main database of db, whatever its driver, and
// makes the tables it needs. db stays the caller's: Close does not close it,
// and it may hold other tables.
//
// The database must be in WAL mode (PRAGMA journal_mode) and in UTF-8 (PRAGMA
// encoding); New refuses it otherwise. A write takes one connection of db for
// its time and raises PRAGMA synchronous to FULL there, where it then stays.
// A connection at synchronous=OFF is refused, by New as by every write: were
// others of the kind in use, they could lose what this one wrote.
//
// Errors: ErrInvalid for opts; ErrUnavailable, which says what is to be done,
// for a database that cannot be used; one that wraps ctx.Err().
func New(ctx context.Context, db *sql.DB, opts *Options) (*Store, error) {
	o, err := opts.orDefaults()
	if err != nil {
		return nil, err
	}
	return newStore(ctx, db, o)
}

func newStore(ctx context.Context, db *sql.DB, opts Options) (*Store, error) {
	s := &Store{db: db, feedSize: opts.FeedSize}
	s.life, s.end = context.WithCancel(context.Background())
	w, err := s.openSession(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	err = w.makeSchema(ctx)
	w.close()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepareReads(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close implements [store.Store]. Writes that wait for their turn are cut off;
// Close returns when all other calls under way have finished. A database that
// [Open] opened is closed too.
func (s *Store) Close() (err error) {
	s.close.Do(func() {
		s.end()
		s.calls.Lock()
		defer s.calls.Unlock()
		s.closeSession()
		err = s.closeReads()
		if s.owned {
			err = errors.Join(err, s.db.Close())
		}
		if err != nil {
			err = fmt.Errorf("sqlitestore: %w", err)
		}
	})
	return err
}

// enter begins a call, which ends with s.calls.RUnlock, unless it returns why
// the call cannot be served.
func (s *Store) enter(ctx context.Context) error {
	if !s.calls.TryRLock() { // only Close locks it otherwise
		return errClosed
	}
	if s.life.Err() != nil {
		s.calls.RUnlock()
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		s.calls.RUnlock()
		return ended(err)
	}
	return nil
}
