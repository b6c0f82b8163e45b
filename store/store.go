// Package store is the port between a regtoken.Manager and the place where
// tokens are kept. Whoever writes a store implements [Store]; whoever uses
// tokens never needs this package beyond handing a store to the Manager.
//
// A store is dumb on purpose: it keeps opaque records under a few indexed
// fields, makes one conditional write, and tells in which order writes were
// committed. It reads no clock, knows no scope and retries no conflict. The
// suite in package storetest checks every promise written here.
package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// A Rev is a revision: the place of a write in the one commit order of the
// whole store. Revisions increase strictly from write to write, deletions
// included, and are never used again; only where a store's data are restored
// from an older copy do they repeat. The zero Rev stands for "no record"; no
// write ever gets it. Negative revisions are invalid.
type Rev int64

// A Cursor marks a place in a store's change feed. It is opaque to everyone
// but the store that made it. The empty Cursor is none: [Store.Changes]
// answers it with [ErrCursorExpired].
type Cursor string

// A Record is one token as a store sees it.
type Record struct {
	// ID is the record's key, never the nil UUID.
	ID uuid.UUID

	// Registry is the name of the registry the record belongs to; "" is a
	// registry as good as any other. At most [MaxName] bytes of UTF-8
	// without NUL, compared byte by byte.
	Registry string

	// Name is unique within Registry, compared byte by byte: no case
	// folding, no collation, no trimming. 1 to [MaxName] bytes of UTF-8
	// without NUL.
	Name string

	// ExpiresAt is the instant [Store.Expired] goes by; the zero Time means
	// never. Whole milliseconds, from [MinTime] to [MaxTime]; a store returns
	// it in UTC.
	ExpiresAt time.Time

	// Data is opaque to the store and comes back byte for byte. At most
	// [MaxData] bytes; nil and empty are the same.
	Data []byte

	// Rev is the revision of the write that stored the record. On the way in
	// it says what the write rests on: see [Store.Put].
	Rev Rev
}

// A Query says which records [Store.List] returns.
type Query struct {
	// AllRegistries lists every registry; Registry must then be "".
	AllRegistries bool

	// Registry is the one registry to list. "" is the registry of that name.
	Registry string

	// NamePrefix keeps the records whose name begins with these very bytes;
	// no character in it is special. "" keeps all.
	NamePrefix string

	// After is the Next of the page before, from the same query; "" starts
	// at the beginning. What is no mark of the store's is invalid.
	After string

	// Limit is the most records a page may hold, at least 1 and without an
	// upper bound. A store may return fewer without being at the end.
	Limit int
}

// A Page is one piece of a listing.
type Page struct {
	// Records are ordered by (Registry, Name), byte by byte.
	Records []Record

	// Next is the opaque mark to ask the next page with; "" when this is the
	// last page.
	Next string
}

// A Change says that the record ID was created, replaced or deleted by the
// write Rev. What became of it, [Store.Get] tells.
type Change struct {
	Rev Rev
	ID  uuid.UUID
}

// A Batch is one piece of the change feed.
type Batch struct {
	// Changes are in commit order, without gaps.
	Changes []Change

	// Next is the cursor behind the last of Changes; the cursor asked with,
	// or one that stands at the same place, when there are none.
	Next Cursor

	// CaughtUp is true only if Changes hold every write acknowledged before
	// the call began.
	CaughtUp bool
}

// A Store keeps records. All methods are safe for concurrent use.
//
// Two handles on the same data (two processes, say) see one commit order: a
// read that starts after a write was acknowledged sees that write, whichever
// handle made it.
//
// What goes in is copied, and so is what comes out: neither side ever sees
// the other change a slice.
//
// Errors: those each method lists, always wrapped so that errors.Is finds the
// sentinel, and besides them, from every method but Close:
//   - [ErrClosed] after Close.
//   - [ErrInvalid] for arguments that break a rule stated here. A key that no
//     record can have may be not found just as well.
//   - [ErrUnavailable] when the store could not be asked and surely nothing
//     changed.
//   - an error that wraps ctx.Err() when ctx ended. A write called with a
//     context that had already ended changes nothing.
//
// A write whose outcome the store cannot tell (the acknowledgement was lost,
// or ctx ended on the way) returns [ErrUnknown]; every other error of a write
// means that nothing changed.
type Store interface {
	// Get returns the record with this ID. Errors: ErrNotFound.
	Get(ctx context.Context, id uuid.UUID) (Record, error)

	// GetByName returns the record of this registry and name.
	// Errors: ErrNotFound.
	GetByName(ctx context.Context, registry, name string) (Record, error)

	// List returns the next page of the records that q asks for. Over a whole
	// listing, a record that exists from its first page to its last appears
	// exactly once, however others come and go meanwhile.
	List(ctx context.Context, q Query) (Page, error)

	// Expired returns records whose ExpiresAt is set and is at or before
	// until, oldest first, at most limit of them (at least 1), and fewer only
	// if there are no more. The comparison is with until alone: a store has
	// no clock of its own.
	Expired(ctx context.Context, until time.Time, limit int) ([]Record, error)

	// Put writes r and returns the revision it got. With r.Rev zero it
	// creates: ErrExists if the ID, or the name within the registry, is
	// taken. Otherwise it replaces the record that stands at exactly r.Rev:
	// ErrNotFound if there is none with that ID, ErrConflict if it stands at
	// another revision, ErrInvalid if r would change its Registry or Name.
	// Errors: ErrExists, ErrNotFound, ErrConflict, ErrUnknown.
	Put(ctx context.Context, r Record) (Rev, error)

	// Delete removes the record with this ID if it stands at exactly ifRev,
	// and returns the revision of the deletion. The name is free from then
	// on. ifRev is at least 1. Errors: ErrNotFound, ErrConflict, ErrUnknown.
	Delete(ctx context.Context, id uuid.UUID, ifRev Rev) (Rev, error)

	// Head returns the cursor behind the last write acknowledged before the
	// call began. For a store where this costs next to nothing it can be
	// asked on every request.
	Head(ctx context.Context) (Cursor, error)

	// Changes returns the writes committed after the cursor, in commit order,
	// at most limit of them (at least 1). It does not block for new ones. A
	// failed write is not among them. Once a batch was returned, no write
	// ever appears at an earlier place. While nobody writes, each batch goes
	// on until one is CaughtUp.
	//
	// Errors: ErrCursorExpired when the store cannot be sure that it knows
	// everything since the cursor: the feed was trimmed, the data restored
	// from an older copy, or the cursor is not one of this store's.
	Changes(ctx context.Context, after Cursor, limit int) (Batch, error)

	// Close releases what the store holds. Calls after it, and calls it cuts
	// off, return ErrClosed. Closing twice is no error.
	Close() error
}

// A Waiter is a Store that can say when there is something new. It is a
// latency hint only: it may lie, hang or fail, and nothing rests on it.
type Waiter interface {
	// Wait returns nil as soon as there may be changes after the cursor. It
	// returns when ctx ends, and after Close, at the latest; with an error
	// that wraps ctx.Err() if ctx had ended before.
	Wait(ctx context.Context, after Cursor) error
}

// A LocalHead is a Store whose Head may be asked before every answer that
// comes from a cache, since it reads this process' memory: no I/O, no waiting.
type LocalHead interface {
	// HeadIsLocal reports whether that is so.
	HeadIsLocal() bool
}
