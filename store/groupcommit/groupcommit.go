// Package groupcommit lets the writes that reach a store at the same time be
// committed together, by one flush to the disk instead of one for each. It is
// for whoever writes a store.
//
// The first writer leads: it gets at hand what a commit needs, takes the writes
// that wait by then, commits all of them, and lets the next that waits lead. No
// goroutine is started, and a writer that is alone waits for nobody.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// ErrUnderWay says that the context ended when a batch with the write in it had
// been taken. It may be committed, or not; [Write.Done] tells when that is
// settled.
var ErrUnderWay = errors.New("groupcommit: under way")

// A Write is one write of a batch: what to write, and, once it is settled,
// whatever the store notes in Value about what came of it. Make one with
// [NewWrite].
type Write[T any] struct {
	Value T

	size  int
	state state         // guarded by the queue's mutex, as batch is
	batch *Batch[T]     // once it is taken
	turn  chan struct{} // closed when it is to lead
	done  chan struct{}
}

type state uint8

const (
	idle    state = iota
	waiting       // in the queue
	leading       // about to take a batch
	taken         // in a batch
)

// NewWrite returns a write of so many bytes, for one call of [Queue.Do].
func NewWrite[T any](value T, size int) *Write[T] {
	return &Write[T]{Value: value, size: size, turn: make(chan struct{}), done: make(chan struct{})}
}

// Done is closed when the batch with the write in it is settled.
func (w *Write[T]) Done() <-chan struct{} { return w.done }

// A Queue makes batches of writes. Its zero value is ready for use; set the
// fields before that. Its methods are safe for concurrent use.
type Queue[T any] struct {
	// MaxWrites and MaxBytes bound a batch. A single write may be larger. Zero:
	// 64 writes, 1 MiB.
	MaxWrites, MaxBytes int

	// Patience is how long a write waits for the batch before it; then it
	// leads one besides. Zero: for as long as it takes, so that batches never
	// overlap.
	Patience time.Duration

	mu    sync.Mutex
	led   int         // batches being made or committed
	queue []*Write[T] // in the order of their calls
}

const (
	defaultMaxWrites = 64
	defaultMaxBytes  = 1 << 20
)

// A Batch is what one commit is to write.
type Batch[T any] struct {
	Writes []*Write[T] // the leader's own first

	settle  func()
	calls   int // that still wait for it; guarded by the queue's mutex
	context context.Context
	abandon context.CancelFunc
}

// Context ends when the contexts of all calls have ended that the batch is for,
// and when it is settled: nobody waits for what comes of it.
func (b *Batch[T]) Context() context.Context { return b.context }

// Settle lets the callers of all writes of the batch go on. What came of each
// has to be in its Value by then. Settling twice is no error.
func (b *Batch[T]) Settle() { b.settle() }

// Do returns nil when w is settled. Whichever of the calls under way is to lead
// calls lead, which gets at hand what a commit needs (a connection, a lock) and
// then calls take, once, for the batch. From then on lead, or what it started,
// must call Settle, also where it panics. Up to then it may return an error
// instead, which Do returns, and which is about w alone.
//
// If ctx ends first Do returns an error that wraps ctx.Err(); nothing will
// become of w then unless it is [ErrUnderWay] besides. The context that lead is
// called with is ctx.
func (q *Queue[T]) Do(ctx context.Context, w *Write[T], lead func(ctx context.Context, take func() *Batch[T]) error) error {
	if !q.enter(w) {
		err := q.wait(ctx, w)
		if err != nil || w.isDone() {
			return err
		}
	}
	if err := q.lead(ctx, w, lead); err != nil {
		return err
	}
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return q.leave(ctx, w)
	}
}

func (w *Write[T]) isDone() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// enter reports whether w is to lead at once; otherwise it waits from now on.
func (q *Queue[T]) enter(w *Write[T]) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.led == 0 {
		q.led++
		w.state = leading
		return true
	}
	q.queue = append(q.queue, w)
	w.state = waiting
	return false
}

// wait returns nil when w is settled or is to lead.
func (q *Queue[T]) wait(ctx context.Context, w *Write[T]) error {
	var impatient <-chan time.Time // never
	if q.Patience > 0 {
		timer := time.NewTimer(q.Patience)
		defer timer.Stop()
		impatient = timer.C
	}
	for {
		select {
		case <-w.done:
			return nil
		case <-w.turn:
			return nil
		case <-impatient:
			if q.step(w) {
				return nil
			}
		case <-ctx.Done():
			return q.leave(ctx, w)
		}
	}
}

// step lets w lead besides others, if it still waits.
func (q *Queue[T]) step(w *Write[T]) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.state != waiting {
		return false
	}
	q.drop(w)
	q.led++
	w.state = leading
	return true
}

// leave returns the error of a call whose context ended while it waited, nil if
// w was settled just before.
func (q *Queue[T]) leave(ctx context.Context, w *Write[T]) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch w.state {
	case waiting:
		q.drop(w)
	case leading: // it was told just now
		q.pass()
	case taken:
		if w.isDone() {
			return nil
		}
		if w.batch.calls--; w.batch.calls == 0 {
			w.batch.abandon()
		}
		return fmt.Errorf("%w: %w", ErrUnderWay, ctx.Err())
	}
	return fmt.Errorf("groupcommit: %w", ctx.Err())
}

func (q *Queue[T]) drop(w *Write[T]) {
	for i, other := range q.queue {
		if other == w {
			q.queue = append(q.queue[:i], q.queue[i+1:]...)
			return
		}
	}
}

// pass ends the lead of one batch; who waits longest begins the next.
func (q *Queue[T]) pass() {
	q.led--
	if q.led > 0 || len(q.queue) == 0 {
		return
	}
	next := q.queue[0]
	q.queue = q.queue[1:]
	q.led++
	next.state = leading
	close(next.turn)
}

func (q *Queue[T]) lead(ctx context.Context, w *Write[T], lead func(ctx context.Context, take func() *Batch[T]) error) error {
	var batch *Batch[T]
	defer func() {
		if batch == nil { // also if lead panics
			q.mu.Lock()
			defer q.mu.Unlock()
			q.pass()
		}
	}()
	return lead(ctx, func() *Batch[T] {
		batch = q.take(w)
		return batch
	})
}

// take makes a batch of w and of those that wait.
func (q *Queue[T]) take(w *Write[T]) *Batch[T] {
	// The batch before woke up its callers. Those that write again at once get
	// to the queue first; where there are none this returns at once.
	runtime.Gosched()
	q.mu.Lock()
	defer q.mu.Unlock()
	most, size := orDefault(q.MaxWrites, defaultMaxWrites), w.size
	n := 0
	for n < len(q.queue) && n+1 < most && size+q.queue[n].size <= orDefault(q.MaxBytes, defaultMaxBytes) {
		size += q.queue[n].size
		n++
	}
	writes := append([]*Write[T]{w}, q.queue[:n]...)
	q.queue = append([]*Write[T](nil), q.queue[n:]...)
	batch := &Batch[T]{Writes: writes, calls: len(writes)}
	batch.context, batch.abandon = context.WithCancel(context.Background())
	batch.settle = sync.OnceFunc(func() { q.settle(batch) })
	for _, one := range writes {
		one.state, one.batch = taken, batch
	}
	return batch
}

func (q *Queue[T]) settle(b *Batch[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.abandon()
	for _, one := range b.Writes {
		close(one.done)
	}
	q.pass()
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
