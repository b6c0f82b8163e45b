package etcdstore_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/store"
)

// A front stands before a node. It passes on what it is asked, but answers the
// next transactions with a failure.
type front struct {
	pb.UnimplementedKVServer
	node     pb.KVClient
	failure  error
	execute  bool         // the transactions that it answers so
	failures atomic.Int64 // how many it will
	txns     atomic.Int64 // how many it got
}

func (f *front) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	return f.node.Range(ctx, r)
}

func (f *front) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	f.txns.Add(1)
	fail := f.failures.Add(-1) >= 0
	if fail && !f.execute {
		return nil, f.failure
	}
	answer, err := f.node.Txn(ctx, r)
	if fail && err == nil {
		return nil, f.failure
	}
	return answer, err
}

// newFront returns a front and a store that sees nothing but it.
func newFront(t *testing.T, prefix string) (*front, *etcdstore.Store) {
	t.Helper()
	f := &front{node: clientv3.RetryKVClient(newClient(t, cluster.Endpoints()[0]))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	pb.RegisterKVServer(server, f)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	return f, open(t, prefix, "http://"+listener.Addr().String())
}

// Each write is sent once, whatever comes back; and that nothing changed is
// said only where it is so.
func TestFailedWrites(t *testing.T) {
	for _, test := range []struct {
		name    string
		failure error
		execute bool
		want    error
	}{
		{"cancelled on the way back", status.Error(codes.Canceled, "stream reset"), true, store.ErrUnknown},
		{"late on the way back", status.Error(codes.DeadlineExceeded, "late"), true, store.ErrUnknown},
		{"connection lost", status.Error(codes.Unavailable, "closed"), true, store.ErrUnknown},
		{"unheard of", status.Error(codes.Unknown, "raft proposal dropped"), false, store.ErrUnknown},
		{"timeout", rpctypes.ErrGRPCTimeout, true, store.ErrUnknown},
		{"timeout, leader lost", rpctypes.ErrGRPCTimeoutDueToLeaderFail, true, store.ErrUnknown},
		{"leader changed", rpctypes.ErrGRPCLeaderChanged, true, store.ErrUnknown},
		{"stopped", rpctypes.ErrGRPCStopped, true, store.ErrUnknown},
		{"quota exceeded", rpctypes.ErrGRPCNoSpace, true, store.ErrUnknown},
		{"no leader", rpctypes.ErrGRPCNoLeader, false, store.ErrUnavailable},
		{"too many requests", rpctypes.ErrGRPCRequestTooManyRequests, false, store.ErrUnavailable},
		{"too large", rpctypes.ErrGRPCRequestTooLarge, false, store.ErrUnavailable},
		{"permission denied", rpctypes.ErrGRPCPermissionDenied, false, store.ErrUnavailable},
		{"no user", rpctypes.ErrGRPCUserEmpty, false, store.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			prefix := newPrefix()
			f, s := newFront(t, prefix)
			direct := open(t, prefix, cluster.Endpoints()[1])
			before := head(t, direct)
			sent := f.txns.Load()
			f.failure, f.execute = test.failure, test.execute
			f.failures.Store(100)

			r := newRecord("name")
			_, err := s.Put(t.Context(), r)
			require.ErrorIs(t, err, test.want)
			require.Equal(t, sent+1, f.txns.Load(), "transactions sent")

			batch, err := direct.Changes(t.Context(), before, 10)
			require.NoError(t, err)
			_, err = direct.Get(t.Context(), r.ID)
			if test.execute {
				require.NoError(t, err)
				require.Len(t, batch.Changes, 1)
			} else {
				require.ErrorIs(t, err, store.ErrNotFound)
				require.Empty(t, batch.Changes)
			}
		})
	}
}

// The one thing that is done again: an authentication token that ran out is
// renewed.
func TestAuthenticationRunsOut(t *testing.T) {
	f, s := newFront(t, newPrefix())
	f.failure = rpctypes.ErrGRPCInvalidAuthToken
	f.failures.Store(1)
	put(t, s, newRecord("name"))
}

// nobody is an address at which nothing answers.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return "http://" + listener.Addr().String()
}

func TestNobodyAnswers(t *testing.T) {
	endpoint := nobody(t)
	_, err := etcdstore.Open(t.Context(), clientv3.Config{Endpoints: []string{endpoint}}, &etcdstore.Options{Timeout: time.Millisecond})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller set none")

	client := newClient(t, cluster.Endpoints()...)
	s, err := etcdstore.New(t.Context(), client, &etcdstore.Options{Prefix: newPrefix()})
	require.NoError(t, err)
	defer s.Close()
	r := put(t, s, newRecord("there"))
	client.SetEndpoints(endpoint)
	require.Eventually(t, func() bool { // until the client has dropped its connections
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.Get(ctx, r.ID)
		return err != nil
	}, time.Minute, time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Put(ctx, newRecord("new"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, store.ErrUnknown, "it was never sent")
}
