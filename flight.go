package regtoken

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A tokenKey is what a token is looked for by in the store: its registry and
// name, or its ID.
type tokenKey struct {
	registry, name string
	id             uuid.UUID // if name is ""
}

// flights lets calls that ask for the same token at the same time share one
// read of the store. A call never shares a read that began before it did: it
// might miss what the caller knows to have been written. So at most two reads
// of a token stand at any time, one under way and one that waits for it. The
// zero value is ready.
type flights struct {
	mu    sync.Mutex
	lanes map[tokenKey]*lane
}

// A lane is what is going on about one token.
type lane struct {
	flying, next *flight
}

// A flight is one read of the store, for all who wait for it.
type flight struct {
	done  chan struct{}
	token snapshot
	err   error
}

// errAbandoned ends a flight whose leader left. Those who waited begin again.
var errAbandoned = errors.New("abandoned")

// do returns what read does, called now or by another call that began since.
func (fs *flights) do(ctx context.Context, key tokenKey, read func(context.Context) (snapshot, error)) (snapshot, error) {
	for {
		f, before, leads := fs.join(key)
		if leads {
			return fs.lead(ctx, key, f, before, read)
		}
		select {
		case <-f.done:
			if !errors.Is(f.err, errAbandoned) {
				return f.token, f.err
			}
		case <-ctx.Done():
			return snapshot{}, unavailable(ctx.Err())
		}
	}
}

// join returns the flight that a call may share, whether it is the call's own
// to lead, and the flight it must let land before.
func (fs *flights) join(key tokenKey) (f, before *flight, leads bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	l := fs.lanes[key]
	if l == nil {
		if fs.lanes == nil {
			fs.lanes = make(map[tokenKey]*lane)
		}
		l = &lane{flying: &flight{done: make(chan struct{})}}
		fs.lanes[key] = l
		return l.flying, nil, true
	}
	if l.next == nil {
		l.next = &flight{done: make(chan struct{})}
		return l.next, l.flying, true
	}
	return l.next, nil, false
}

func (fs *flights) lead(ctx context.Context, key tokenKey, f, before *flight, read func(context.Context) (snapshot, error)) (snapshot, error) {
	f.err = errAbandoned // until there is an answer
	defer fs.land(key, f)
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return snapshot{}, unavailable(ctx.Err())
		}
	}
	token, err := read(ctx)
	if err == nil || ctx.Err() == nil { // else for want of the leader's time, not theirs
		f.token, f.err = token, err
	}
	return token, err
}

// land tells those who wait, and lets the next flight begin.
func (fs *flights) land(key tokenKey, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	switch l := fs.lanes[key]; l.next {
	case f:
		l.next = nil
	case nil:
		delete(fs.lanes, key)
	default:
		l.flying, l.next = l.next, nil
	}
	close(f.done)
}

// readToken asks the store for a token, for this call and those like it. Errors:
// ErrNotFound, ErrUnavailable, ErrInvalid.
func (m *Manager) readToken(ctx context.Context, key tokenKey) (snapshot, error) {
	m.live.misses.Add(1)
	ctx, cancel := context.WithTimeout(ctx, m.live.storeTimeout)
	defer cancel()
	return m.live.flights.do(ctx, key, func(ctx context.Context) (snapshot, error) {
		select {
		case m.live.reads <- struct{}{}:
			defer func() { <-m.live.reads }()
		case <-ctx.Done():
			return snapshot{}, unavailable(ctx.Err())
		}
		m.live.storeReads.Add(1)
		return m.fetch(ctx, key)
	})
}

// fetch reads a token from the store, and keeps it if the feed will tell of
// its changes. Of one that cannot be read it returns the name with the error.
func (m *Manager) fetch(ctx context.Context, key tokenKey) (snapshot, error) {
	if m.live.cursor.Load() == nil {
		return m.load(ctx, key)
	}
	f := m.live.begin()
	var whole snapshot
	defer func() { m.live.end(f, whole) }() // also if the store panics
	token, err := m.load(ctx, key)
	if err == nil {
		whole = token
	}
	return token, err
}

func (m *Manager) load(ctx context.Context, key tokenKey) (snapshot, error) {
	var r store.Record
	var err error
	if key.name != "" {
		r, err = m.recordByName(ctx, key.name)
	} else {
		r, err = m.record(ctx, key.id)
	}
	if err != nil {
		return snapshot{}, err
	}
	return newSnapshot(r)
}
