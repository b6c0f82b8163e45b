package regtoken

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/counter"
	"github.com/regtoken/regtoken/store"
)

const (
	// feedBatch is how many changes are read at once.
	feedBatch = 1000

	// maxReads is how many reads of the store logins may cause at once: junk
	// must not stampede it.
	maxReads = 64

	// hintPause is the shortest time between two reads of the feed, whatever
	// a store's Waiter says.
	hintPause = 20 * time.Millisecond

	// hintPatience is how long a Waiter is waited for that should return.
	hintPatience = time.Second
)

// live keeps what logins need within reach, and knows how fresh it is.
//
// A revocation that was acknowledged at T is honoured by every call that
// starts after T + maxStaleness. This rests on three rules: what changed is
// forgotten, and kept from coming back by reads under way, before the feed's
// new place counts; that place is as old as the question, not the answer; and
// only the feed's own answer counts, never a hint.
type live struct {
	*cache
	flights      flights
	store        store.Store
	headIsLocal  bool
	maxStaleness time.Duration
	pollInterval time.Duration
	storeTimeout time.Duration
	reads        chan struct{} // holds one value for each read under way

	following chan struct{}                // holds a value while a loop follows the feed
	syncing   sync.Mutex                   // held by who reads the feed
	cursor    atomic.Pointer[store.Cursor] // the cache knows all before it; nil: nothing
	asOf      atomic.Pointer[time.Time]    // and nothing was missing then; nil: never

	hits                                              counter.Counter
	misses, storeReads, feedReads, feedErrors, resets atomic.Uint64
}

func newLive(s store.Store, o Options) *live {
	local, ok := s.(store.LocalHead)
	return &live{
		cache:        newCache(o.CacheSize),
		store:        s,
		headIsLocal:  ok && local.HeadIsLocal(),
		maxStaleness: o.MaxStaleness,
		pollInterval: o.PollInterval,
		storeTimeout: o.StoreTimeout,
		reads:        make(chan struct{}, maxReads),
		following:    make(chan struct{}, 1),
	}
}

// Freshness is settled before a token is looked up: looked up before, it could
// be forgotten as the feed moves on, and count as fresh all the same.

// cachedTokenByID returns a registry's token if it is kept, and what is kept is
// fresh; else the zero snapshot.
func (l *live) cachedTokenByID(ctx context.Context, registry string, id uuid.UUID) snapshot {
	if !l.isFresh(ctx) {
		return snapshot{}
	}
	if t := l.getByID(id); !t.IsNone() && t.KeyBegins(registry) {
		return t
	}
	return snapshot{}
}

// tokenToChange returns a registry's token that a change may begin from without
// reading it: one that is kept, as far as the feed is known. An older one would
// do, since a write is conditional on its revision, but for stores that were
// restored, or failed over and lost writes: there revisions repeat, and only the
// feed tells, within maxStaleness. A store in this process' memory is read as
// fast.
func (l *live) tokenToChange(ctx context.Context, registry string, id uuid.UUID) snapshot {
	if l.headIsLocal {
		return snapshot{}
	}
	if t := l.cachedTokenByID(ctx, registry, id); !t.IsNone() && t.head().exact {
		return t
	}
	return snapshot{}
}

// beginOwnWrite begins a fill for what is about to be written, nil if that is not
// to be kept: if no feed will tell of its changes, or it is read as fast.
func (l *live) beginOwnWrite(id uuid.UUID) *fill {
	if l.headIsLocal || l.cursor.Load() == nil {
		return nil
	}
	return l.beginWrite(id)
}

func (l *live) isFresh(ctx context.Context) bool {
	if l.headIsLocal {
		return l.sync(ctx)
	}
	asOf := l.asOf.Load()
	if asOf == nil {
		return false
	}
	now := time.Now()
	return withinLease(now.Sub(*asOf), now.Round(0).Sub(asOf.Round(0)), l.maxStaleness)
}

// withinLease reports whether a time that has passed, by the monotonic clock
// and by the wall clock, is within the bound. The monotonic clock stands still
// while a computer sleeps; the wall clock may be set. What either finds too
// long, or impossible, is.
func withinLease(monotonic, wall, bound time.Duration) bool {
	return monotonic >= 0 && monotonic <= bound && wall >= 0 && wall <= bound
}

// sync brings the cache up to the store's head, where to ask for that costs
// nothing, and reports whether it is there.
func (l *live) sync(ctx context.Context) bool {
	head, err := l.store.Head(ctx)
	if err != nil {
		return false
	}
	if cursor := l.cursor.Load(); cursor != nil && *cursor == head {
		return true
	}
	return l.catchUp(ctx) == nil
}

// catchUp reads the feed up to its end, and forgets what changed.
func (l *live) catchUp(ctx context.Context) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	for {
		asked := time.Now()
		caughtUp, err := l.advance(ctx)
		if err != nil {
			l.feedErrors.Add(1)
			return err
		}
		if caughtUp {
			l.asOf.Store(&asked)
			return nil
		}
	}
}

// advance reads one batch of the feed, and reports whether it is the last.
func (l *live) advance(ctx context.Context) (caughtUp bool, err error) {
	l.feedReads.Add(1)
	cursor := l.cursor.Load()
	if cursor == nil {
		return true, l.reset(ctx)
	}
	batch, err := l.store.Changes(ctx, *cursor, feedBatch)
	switch {
	case errors.Is(err, store.ErrCursorExpired):
		if err := l.reset(ctx); err != nil {
			return false, err
		}
		l.resets.Add(1)
		return true, nil
	case err != nil:
		return false, err
	}
	l.changed(batch.Changes...)
	l.cursor.Store(&batch.Next)
	return batch.CaughtUp, nil
}

// reset begins anew at the feed's end, with nothing.
func (l *live) reset(ctx context.Context) error {
	head, err := l.store.Head(ctx)
	if err != nil {
		return err
	}
	l.clear()
	l.cursor.Store(&head)
	return nil
}

// follow keeps the cache fresh until ctx ends. Only one loop does at a time;
// others wait for their turn. It tells of each failure that follows a success.
func (l *live) follow(ctx context.Context, tell func(error)) {
	if l.headIsLocal || l.limit <= 0 {
		<-ctx.Done()
		return
	}
	select {
	case l.following <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-l.following }()
	defer l.forget()
	hint := newHint(ctx, l.store, l.pollInterval)
	defer hint.stop()
	failed := false
	for ctx.Err() == nil {
		err := l.refresh(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			tell(err)
		}
		failed = err != nil
		l.pause(ctx, hint)
	}
}

// refresh is catchUp within the time in which its answer is of use.
func (l *live) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.maxStaleness)
	defer cancel()
	return l.catchUp(ctx)
}

// forget drops what nothing keeps fresh any more.
func (l *live) forget() {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.asOf.Store(nil)
	l.cursor.Store(nil)
	l.clear()
}

// pause returns when it is time to read the feed again.
func (l *live) pause(ctx context.Context, hint *hint) {
	if sleep(ctx, min(hintPause, l.pollInterval)) != nil {
		return
	}
	poll := time.NewTimer(max(0, l.pollInterval-hintPause))
	defer poll.Stop()
	select {
	case <-ctx.Done():
	case <-poll.C:
	case <-hint.await(l.cursor.Load()):
	}
}
