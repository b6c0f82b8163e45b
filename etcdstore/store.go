package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/regtoken/regtoken/store"
)

// Options are the settings of a [Store]. A nil *Options is the zero Options.
type Options struct {
	// Prefix is what every key of the store begins with; "" is "regtoken/".
	// It may not contain "@". Stores of different prefixes in one cluster
	// know nothing of each other, even where one prefix begins with the other.
	Prefix string

	// Timeout bounds each call, besides its context; zero is 10 seconds. It
	// should be longer than the cluster's own, 7 seconds unless configured,
	// whose answers say more.
	Timeout time.Duration
}

// A Store is a [store.Store] and a [store.Waiter] in an etcd cluster. Make one
// with [New] or [Open]; the zero Store is not ready for use. All methods are
// safe for concurrent use.
type Store struct {
	keys    keys
	timeout time.Duration

	closeClient func() error

	reads   clientv3.KV // repeats a read that failed
	writes  writer
	watcher clientv3.Watcher

	lifetime context.Context // ends with Close
	end      context.CancelFunc
	closing  sync.Once
	closeErr error

	recent recent
	hints  hints
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Waiter = (*Store)(nil)
)

// New returns a store in the cluster of client, which stays the caller's: Close
// leaves it open. The store speaks to the client's connection itself, past what
// client.KV and client.Watcher may have been replaced with (a namespace, say).
//
// It writes the store's format to the cluster, unless it is there. Errors:
// those of [store.Store], and one that says so if the data there are of a
// format that this version does not know.
func New(ctx context.Context, client *clientv3.Client, opts *Options) (*Store, error) {
	return newStore(ctx, client, func() error { return nil }, opts)
}

// Open is [New] with a client of its own, which Close closes. What config
// leaves zero is set to suit: keep-alives that find a dead connection within 15
// seconds while a call or a Wait is under way, a bound of 5 seconds to
// authenticate, and a silent log. (PermitWithoutStream stays off: etcd closes
// the connections of clients that ping without a call.) The context is for Open
// alone; config.Context, if set, ends the client.
func Open(ctx context.Context, config clientv3.Config, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, ended(err)
	}
	client, closeClient, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	s, err := newStore(ctx, client, closeClient, opts)
	if err != nil {
		return nil, errors.Join(err, closeClient())
	}
	return s, nil
}

func newStore(ctx context.Context, client *clientv3.Client, closeClient func() error, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	if strings.Contains(opts.Prefix, "@") {
		return nil, fmt.Errorf("etcdstore: %w: Options.Prefix contains @", store.ErrInvalid)
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("etcdstore: %w: Options.Timeout is negative", store.ErrInvalid)
	}
	s := &Store{keys: keys(opts.Prefix), timeout: opts.Timeout, closeClient: closeClient}
	if s.keys == "" {
		s.keys = "regtoken/"
	}
	if s.timeout == 0 {
		s.timeout = 10 * time.Second
	}
	s.reads, s.writes, s.watcher = clientv3.NewKV(client), writer{client}, clientv3.NewWatcher(client)
	s.lifetime, s.end = context.WithCancel(context.Background())
	if err := s.checkFormat(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// connect returns a client of config and what closes it.
func connect(ctx context.Context, config clientv3.Config) (*clientv3.Client, func() error, error) {
	if config.DialKeepAliveTime == 0 {
		config.DialKeepAliveTime = 10 * time.Second // gRPC's least
	}
	if config.DialKeepAliveTimeout == 0 {
		config.DialKeepAliveTimeout = 5 * time.Second
	}
	if config.DialTimeout == 0 {
		config.DialTimeout = 5 * time.Second
	}
	if config.Logger == nil && config.LogConfig == nil {
		config.Logger = zap.NewNop() // the default writes to standard error; errors are returned
	}
	if config.Context == nil {
		config.Context = context.Background()
	}
	// The client lives in the context it is made with; ctx ends it only until
	// it is made.
	lifetime, end := context.WithCancel(config.Context)
	config.Context = lifetime
	made := context.AfterFunc(ctx, end)
	client, err := clientv3.New(config)
	made()
	if err != nil {
		end()
		switch {
		case ctx.Err() != nil:
			return nil, nil, ended(ctx.Err())
		case errors.Is(err, context.DeadlineExceeded): // not that of ctx
			err = fmt.Errorf("no answer within %v", config.DialTimeout)
		}
		return nil, nil, fmt.Errorf("etcdstore: %w: %w", store.ErrUnavailable, err)
	}
	return client, func() error {
		defer end()
		return client.Close()
	}, nil
}

// Close implements [store.Store]. It ends the watch that Wait began.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.end()
		s.hints.stop()
		s.closeErr = errors.Join(s.watcher.Close(), s.closeClient())
	})
	return s.closeErr
}
