package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/store/groupcommit"
)

type (
	queue = groupcommit.Queue[*value]
	batch = groupcommit.Batch[*value]
)

// A value is what a write is known by, and the batch that it came to be in.
type value struct {
	name  string
	batch *batch
}

// A log is a store that commits batches when it is told to.
type log struct {
	queue
	proceed chan error // what a batch comes to before it is taken
	commit  chan struct{}
	batches [][]string
}

func newLog() *log { return &log{proceed: make(chan error), commit: make(chan struct{})} }

func (l *log) lead(ctx context.Context, take func() *batch) error {
	select {
	case err := <-l.proceed:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	b := take()
	var names []string
	for _, w := range b.Writes {
		names = append(names, w.Value.name)
		w.Value.batch = b
	}
	l.batches = append(l.batches, names)
	go func() {
		defer b.Settle()
		<-l.commit
	}()
	return nil
}

// A call is a Do under way.
type call struct {
	write *groupcommit.Write[*value]
	end   context.CancelFunc
	err   chan error
}

func (l *log) start(t *testing.T, name string, size int) *call {
	ctx, end := context.WithCancel(t.Context())
	c := &call{groupcommit.NewWrite(&value{name: name}, size), end, make(chan error, 1)}
	go func() { c.err <- l.Do(ctx, c.write, l.lead) }()
	synctest.Wait() // so that they come in the order of the calls
	return c
}

func (l *log) startAll(t *testing.T, names ...string) []*call {
	var calls []*call
	for _, name := range names {
		calls = append(calls, l.start(t, name, 0))
	}
	return calls
}

// take lets the leader take its batch.
func (l *log) take() {
	l.proceed <- nil
	synctest.Wait()
}

// next lets a batch be taken and committed.
func (l *log) next() {
	l.take()
	l.commit <- struct{}{}
	synctest.Wait()
}

func test(t *testing.T, do func(t *testing.T, l *log)) {
	synctest.Test(t, func(t *testing.T) { do(t, newLog()) })
}

func TestBatches(t *testing.T) {
	for _, test := range []struct {
		name                string
		maxWrites, maxBytes int
		size                int // of each write
		want                [][]string
	}{
		{"what waits is taken, in order", 0, 0, 0, [][]string{{"a", "b", "c", "d", "e"}}},
		{"so many at most", 2, 0, 0, [][]string{{"a", "b"}, {"c", "d"}, {"e"}}},
		{"so large at most", 0, 30, 10, [][]string{{"a", "b", "c"}, {"d", "e"}}},
		{"a larger one alone", 0, 5, 10, [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLog()
				l.MaxWrites, l.MaxBytes = test.maxWrites, test.maxBytes
				var calls []*call
				for _, name := range []string{"a", "b", "c", "d", "e"} {
					calls = append(calls, l.start(t, name, test.size))
				}
				for range test.want {
					l.next()
				}
				for _, c := range calls {
					require.NoError(t, <-c.err)
				}
				require.Equal(t, test.want, l.batches)
			})
		})
	}
}

// A batch that is being committed is closed: who comes meanwhile is in the next.
func TestNextBatchGathersMeanwhile(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		first := l.start(t, "a", 0)
		l.take()
		others := l.startAll(t, "b", "c")
		l.commit <- struct{}{}
		require.NoError(t, <-first.err)
		l.next()
		for _, c := range others {
			require.NoError(t, <-c.err)
		}
		require.Equal(t, [][]string{{"a"}, {"b", "c"}}, l.batches)
	})
}

func TestContextEndsInTheQueue(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		calls := l.startAll(t, "leads", "waits", "stays")
		for _, c := range calls[:2] {
			c.end()
			err := <-c.err
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, groupcommit.ErrUnderWay)
		}
		l.next()
		require.NoError(t, <-calls[2].err)
		require.Equal(t, [][]string{{"stays"}}, l.batches)
	})
}

func TestContextEndsUnderWay(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		calls := l.startAll(t, "a", "b")
		l.take()
		batch := calls[0].write.Value.batch
		for _, c := range calls { // the leader goes first
			require.NoError(t, batch.Context().Err(), "somebody waits")
			c.end()
			err := <-c.err
			require.ErrorIs(t, err, groupcommit.ErrUnderWay)
			require.ErrorIs(t, err, context.Canceled)
		}
		require.Error(t, batch.Context().Err())
		l.commit <- struct{}{}
		<-calls[0].write.Done()
		<-calls[1].write.Done()
	})
}

// What keeps a leader from a batch is its own affair.
func TestLeaderFails(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		fault := errors.New("no connection")
		calls := l.startAll(t, "a", "b", "c")
		l.proceed <- fault
		require.Equal(t, fault, <-calls[0].err)
		l.next()
		require.NoError(t, <-calls[1].err)
		require.NoError(t, <-calls[2].err)
		require.Equal(t, [][]string{{"b", "c"}}, l.batches)
	})
}

func TestLeaderPanics(t *testing.T) {
	for name, taking := range map[string]bool{"before it takes": false, "after it took": true} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, l *log) {
				panicked := make(chan any)
				go func() {
					defer func() { panicked <- recover() }()
					_ = l.Do(t.Context(), groupcommit.NewWrite(&value{}, 0), func(_ context.Context, take func() *batch) error {
						<-l.proceed
						if taking {
							defer take().Settle()
						}
						panic("fault")
					})
				}()
				synctest.Wait()
				c := l.start(t, "a", 0)
				l.proceed <- nil
				require.Equal(t, "fault", <-panicked)
				if !taking {
					l.next()
				}
				require.NoError(t, <-c.err)
			})
		})
	}
}

// A batch that does not come to an end holds up nobody for good.
func TestPatience(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		l.Patience = time.Second
		began := time.Now()
		stuck := l.start(t, "stuck", 0)
		l.take()
		other := l.start(t, "a", 0)
		l.take() // by the one that leads besides
		require.Equal(t, time.Second, time.Since(began))
		for range 2 { // in whatever order
			l.commit <- struct{}{}
		}
		require.NoError(t, <-stuck.err)
		require.NoError(t, <-other.err)
		require.Equal(t, [][]string{{"stuck"}, {"a"}}, l.batches)
	})
}

// Calls come and go at random: each write is in one batch, or in none if its
// call was told so.
func TestManyAtOnce(t *testing.T) {
	const writers, each = 16, 500
	q := &queue{MaxWrites: 5, Patience: 50 * time.Microsecond}
	var committed sync.Map
	lead := func(_ context.Context, take func() *batch) error {
		b := take()
		defer b.Settle()
		for _, w := range b.Writes {
			if _, twice := committed.LoadOrStore(w.Value.name, true); twice {
				return fmt.Errorf("%s was committed twice", w.Value.name)
			}
		}
		return nil
	}
	var all sync.WaitGroup
	var untouched atomic.Int64
	for w := range writers {
		all.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(context.Background())
				if i%3 == 0 {
					go cancel()
				}
				name := fmt.Sprintf("%d-%d", w, i)
				write := groupcommit.NewWrite(&value{name: name}, 1)
				err := q.Do(ctx, write, lead)
				if err == nil || errors.Is(err, groupcommit.ErrUnderWay) {
					<-write.Done()
				}
				cancel()
				_, done := committed.Load(name)
				if done == (err != nil && !errors.Is(err, groupcommit.ErrUnderWay)) {
					t.Errorf("%s: committed %v, and told: %v", name, done, err)
				}
				if !done {
					untouched.Add(1)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d were never taken", untouched.Load(), writers*each)
}

func TestHold(t *testing.T) {
	test(t, func(t *testing.T, l *log) {
		release := l.Hold()
		calls := l.startAll(t, "a", "b")
		require.Equal(t, 2, l.Waiting())
		release()
		release() // nothing more to do
		l.next()
		require.NoError(t, <-calls[0].err)
		require.NoError(t, <-calls[1].err)
		require.Equal(t, [][]string{{"a", "b"}}, l.batches)
		require.Zero(t, l.Waiting())
	})
}
