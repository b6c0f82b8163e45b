package etcdstore

import (
	"context"
	"errors"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
)

// A writer commits transactions at most once, and knows which of those that
// failed may have happened.
//
// The client repeats no write whose connection broke, but it does repeat one
// that a server or a proxy answered with a bare Canceled or DeadlineExceeded.
// If the first had happened, the second would find its own record and report
// ErrExists or ErrConflict: nothing changed, which is wrong. The client does
// have to repeat one that was refused for an authentication token that ran out.
type writer struct{ client *clientv3.Client }

// transaction is etcd's: then, if all of compare hold, and otherwise reads.
type transaction struct {
	compare []clientv3.Cmp
	then    []clientv3.Op
	reads   []clientv3.Op
}

// commit returns the answer, or an error and whether the transaction may have
// happened nevertheless.
func (w writer) commit(ctx context.Context, t transaction) (answer *clientv3.TxnResponse, unknown bool, err error) {
	once := &once{KVClient: clientv3.RetryKVClient(w.client)}
	answer, err = clientv3.NewKVFromKVClient(once, w.client).Txn(ctx).If(t.compare...).Then(t.then...).Else(t.reads...).Commit()
	return answer, once.unknown, err
}

// once lets each transaction be sent until one attempt may have happened.
type once struct {
	pb.KVClient
	unknown bool
}

// Txn implements [pb.KVClient].
func (o *once) Txn(ctx context.Context, in *pb.TxnRequest, opts ...grpc.CallOption) (*pb.TxnResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var at peer.Peer
	finished := func(err error) { // once an attempt
		// Without a peer, no connection was there to send the request on.
		if err != nil && at.Addr != nil && !refused(err) {
			o.unknown = true
			cancel() // the client does not go on in a context that ended
		}
		at = peer.Peer{}
	}
	return o.KVClient.Txn(ctx, in, append(slices.Clip(opts), grpc.Peer(&at), grpc.OnFinish(finished))...)
}

// refused tells whether err says that etcd did not execute a transaction.
//
// It does not of a timeout, a lost leader or a server that stopped, which may
// all come after the proposal; nor of ErrNoSpace, which the node that finds the
// quota exceeded returns after it has executed the transaction all the same.
func refused(err error) bool {
	err = rpctypes.Error(err)
	var etcd rpctypes.EtcdError
	if !errors.As(err, &etcd) {
		return false
	}
	switch etcd.Code() {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition:
		return true
	}
	return errors.Is(err, rpctypes.ErrNoLeader) || errors.Is(err, rpctypes.ErrTooManyRequests)
}
