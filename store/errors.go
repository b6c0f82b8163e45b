package store

import "errors"

// The errors a [Store] tells apart. Stores wrap them; compare with errors.Is.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("store: not found")

	// ErrExists: the ID or the name is taken.
	ErrExists = errors.New("store: already exists")

	// ErrConflict: the record stands at another revision than the write
	// rests on. The store never retries; read again and decide anew.
	ErrConflict = errors.New("store: revision conflict")

	// ErrCursorExpired: the feed cannot vouch for what happened since the
	// cursor. Drop all that was kept, take Head, begin again.
	ErrCursorExpired = errors.New("store: cursor expired")

	// ErrInvalid: an argument breaks a rule of the port.
	ErrInvalid = errors.New("store: invalid argument")

	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")

	// ErrUnavailable: the store could not be asked; surely nothing changed.
	ErrUnavailable = errors.New("store: unavailable")

	// ErrUnknown: the write was sent and its acknowledgement lost; it may
	// have happened or may yet happen. Read again.
	ErrUnknown = errors.New("store: outcome unknown")
)
