package etcdstore

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/store"
)

// A call is the context of one call of a method, which also ends with Close and
// with Options.Timeout. It knows how to say what went wrong.
type call struct {
	context.Context
	caller  context.Context
	closed  context.Context
	timeout time.Duration
	end     context.CancelFunc
}

// begin returns why no call with ctx can be served, or its call.
func (s *Store) begin(ctx context.Context) (*call, error) {
	if s.lifetime.Err() != nil {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(err)
	}
	// A node that knows no leader answers at once, and a read is repeated at
	// another node.
	within, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), s.timeout)
	cutOff := context.AfterFunc(s.lifetime, cancel)
	return &call{within, ctx, s.lifetime, s.timeout, func() { cutOff(); cancel() }}, nil
}

var errClosed = fmt.Errorf("etcdstore: %w", store.ErrClosed)

func ended(err error) error { return fmt.Errorf("etcdstore: %w", err) }

// readFailed returns what a call says that changed nothing and failed with err.
func (c *call) readFailed(err error) error {
	switch {
	case c.closed.Err() != nil:
		return errClosed
	case c.caller.Err() != nil:
		return ended(c.caller.Err())
	}
	return fmt.Errorf("etcdstore: %w: %w", store.ErrUnavailable, c.cause(err))
}

// writeUnknown returns what a call says whose write failed with err, and may
// nevertheless have happened.
func (c *call) writeUnknown(err error) error {
	switch {
	case c.closed.Err() != nil:
		err = store.ErrClosed
	case c.caller.Err() != nil:
		err = c.caller.Err()
	default:
		err = c.cause(err)
	}
	return fmt.Errorf("etcdstore: %w: %w", store.ErrUnknown, err)
}

// cause returns err, but for the end of the call's own context: errors.Is must
// not take it for the end of the caller's.
func (c *call) cause(err error) error {
	if c.Err() != nil {
		return fmt.Errorf("no answer within %v", c.timeout)
	}
	return err
}
