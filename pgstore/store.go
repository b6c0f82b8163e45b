package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/groupcommit"
)

// Options are what a [Store] can be made with. The zero Options, and a nil
// pointer to them, are the defaults.
type Options struct {
	// Schema is the database schema that holds all the store has, so that
	// one database can serve several stores. "" is "regtoken". At most 63
	// bytes of UTF-8; any character but NUL is allowed. What is there must not
	// be renamed later.
	Schema string

	// FeedSize is how many changes at least are kept for [Store.Changes];
	// cursors that stand further back expire. Zero is 65,536. Each write
	// trims by the FeedSize of the store that makes it, so let all processes
	// have the same.
	FeedSize int
}

const (
	defaultSchema   = "regtoken"
	defaultFeedSize = 65_536
	maxIdentifier   = 63 // bytes; PostgreSQL cuts longer ones without a word
)

// A Store is a [store.Store] and a [store.Waiter] in a PostgreSQL database.
// Make one with [Open] or [New]; the zero Store is not ready for use. All
// methods are safe for concurrent use, by any number of processes.
type Store struct {
	pool     *pgxpool.Pool
	ownsPool bool
	feedSize int
	names    names
	sql      statements
	writes   groupcommit.Queue[*pending]
	watch    watch
	telling  teller

	// life ends with Close, and every call under way with it.
	life context.Context
	end  context.CancelFunc
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Waiter = (*Store)(nil)
)

// Open connects to a database and returns the store in it. What it needs
// there it creates, and brings up to date, while ctx lasts.
//
// The connection string is a URL or "key=value" pairs, as of libpq. Its
// parameters pool_max_conns and others of [pgxpool.ParseConfig] say how the
// connections are kept: by default as many as there are processors and at
// least 4, each for an hour, or until it was idle for half of one.
//
// Errors: ErrUnavailable if the database cannot be asked, or the schema not be
// made for want of rights or on a standby; an error that wraps ctx.Err() when
// ctx ended; ErrInvalid for options that are none; another if the schema is
// newer than this package. No error holds the connection string or the
// password.
func Open(ctx context.Context, connString string, opts *Options) (*Store, error) {
	s, err := newStore(opts)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		// Neither the error nor what it wraps: the driver cannot always tell
		// which part of a broken string is the password.
		return nil, errors.New("pgstore: the connection string cannot be parsed; its text, which may hold a password, is withheld")
	}
	if config.PingTimeout == 0 {
		// An idle connection is tried before it is used. Where the network
		// went silent, that must not take as long as the caller has patience.
		config.PingTimeout = askLimit
	}
	s.ownsPool = true
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, unavailable(err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// New is [Open] with a pool of the caller's, who closes it after the store.
// The store sets no hook of the pool and nothing of a session, so the pool may
// serve others too, and may go through a transaction pooler.
func New(ctx context.Context, pool *pgxpool.Pool, opts *Options) (*Store, error) {
	s, err := newStore(opts)
	if err != nil {
		return nil, err
	}
	s.pool = pool
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newStore returns a store without a pool.
func newStore(opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Schema == "" {
		o.Schema = defaultSchema
	}
	if o.FeedSize == 0 {
		o.FeedSize = defaultFeedSize
	}
	switch {
	case len(o.Schema) > maxIdentifier, !utf8.ValidString(o.Schema), strings.Contains(o.Schema, "\x00"):
		return nil, fmt.Errorf("%w: Options.Schema is no identifier of at most %d bytes", store.ErrInvalid, maxIdentifier)
	case o.FeedSize < 0:
		return nil, fmt.Errorf("%w: Options.FeedSize is negative", store.ErrInvalid)
	}
	s := &Store{feedSize: o.FeedSize, names: namesOf(o.Schema)}
	s.sql = s.names.statements()
	s.writes.Patience = patience
	s.telling.tell = s.tell
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close implements [store.Store]. It cuts off the calls that are under way,
// and closes the pool of a store that [Open] returned. A write that was cut
// off after it was sent returns an error that is ErrUnknown besides ErrClosed.
func (s *Store) Close() error {
	s.end()
	s.watch.stop()
	s.telling.stop()
	if s.ownsPool && s.pool != nil {
		s.pool.Close()
	}
	return nil
}

// usable returns why no call with ctx can be served, nil if it can.
func (s *Store) usable(ctx context.Context) error {
	if s.life.Err() != nil {
		return closed()
	}
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	return nil
}

// untilClosed returns ctx as it ends at Close at the latest. Call the function
// when the call is over.
func (s *Store) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
