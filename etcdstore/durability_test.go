package etcdstore_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
)

// An outcome is what became of one creation, as far as its writer was told.
type outcome struct {
	record store.Record // with its revision, if it was acknowledged
	err    error
}

// create creates records until ctx ends, and sends a word for each that was
// acknowledged.
func create(ctx context.Context, s store.Store, writer int, acknowledged chan<- struct{}) (outcomes []outcome) {
	for i := 0; ctx.Err() == nil; i++ {
		r := newRecord(fmt.Sprintf("name-%d-%d", writer, i))
		r.ExpiresAt = store.MinTime
		rev, err := s.Put(context.WithoutCancel(ctx), r)
		r.Rev = rev
		outcomes = append(outcomes, outcome{r, err})
		if err != nil {
			continue
		}
		select {
		case acknowledged <- struct{}{}:
		default: // nobody is waiting
		}
	}
	return outcomes
}

// Leaders are killed while records are created. What was acknowledged is there,
// what is unknown is there as a whole or not at all, and the feed agrees.
func TestLeadersKilledDuringWrites(t *testing.T) {
	cluster := testetcd.Start(t, 3)
	s := open(t, newPrefix(), cluster.Endpoints()...)
	start := head(t, s)
	const writers = 4
	acknowledged := make(chan struct{})
	results := make([][]outcome, writers)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() { results[w] = create(ctx, s, w, acknowledged) })
	}
	wait := func() {
		for range 20 {
			<-acknowledged
		}
	}
	for range 2 {
		wait()
		leader := cluster.Leader(t)
		cluster.Kill(t, leader)
		wait()
		cluster.Start(t, leader)
	}
	stop()
	running.Wait()

	inFeed := make(map[uuid.UUID]store.Rev)
	for _, change := range drain(t, s, start, math.MaxInt) {
		inFeed[change.ID] = change.Rev
	}
	expired, err := s.Expired(t.Context(), store.MaxTime, math.MaxInt)
	require.NoError(t, err)
	require.Len(t, expired, len(inFeed))
	for _, outcomes := range results {
		for _, o := range outcomes {
			requireWhole(t, s, o, inFeed[o.record.ID])
		}
	}
}

// requireWhole checks that a creation is as its outcome says, and as the feed,
// which has it at fed, 0 if not at all.
func requireWhole(t *testing.T, s store.Store, o outcome, fed store.Rev) {
	t.Helper()
	if o.err == nil {
		require.Equal(t, o.record.Rev, fed)
	} else if fed != 0 {
		require.ErrorIs(t, o.err, store.ErrUnknown)
	}
	byID, err := s.Get(t.Context(), o.record.ID)
	byName, errByName := s.GetByName(t.Context(), o.record.Registry, o.record.Name)
	if fed == 0 {
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorIs(t, errByName, store.ErrNotFound)
		return
	}
	o.record.Rev = fed
	require.NoError(t, err)
	require.Equal(t, o.record, byID)
	require.NoError(t, errByName)
	require.Equal(t, o.record, byName)
}
