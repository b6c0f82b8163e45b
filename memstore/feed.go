package memstore

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// FeedSize is how many changes a Store keeps for [Store.Changes]. Cursors
// that stand further back have expired.
const FeedSize = 65_536

// feed is the log of changes: each write is the one change of its revision,
// revisions have no gaps, and so a revision is also a place in the log.
type feed struct {
	nonce   string         // of this store's life: makes other stores' cursors foreign
	rev     store.Rev      // of the last write
	trimmed store.Rev      // of the last write no longer kept
	log     []store.Change // a ring once it is full
}

func newFeed() feed { return feed{nonce: rand.Text()} }

// add appends the change of id under the next revision.
func (f *feed) add(id uuid.UUID) store.Rev {
	f.rev++
	change := store.Change{Rev: f.rev, ID: id}
	if len(f.log) < FeedSize {
		f.log = append(f.log, change)
	} else {
		f.log[f.place(f.rev)] = change
		f.trimmed = max(f.trimmed, f.rev-FeedSize)
	}
	return f.rev
}

func (f *feed) place(rev store.Rev) int { return int((rev - 1) % FeedSize) }

// cursor returns the cursor behind the write rev.
func (f *feed) cursor(rev store.Rev) store.Cursor {
	text := make([]byte, 0, 64) // more than it can be: nothing but the cursor is allocated
	text = append(append(text, f.nonce...), ':')
	return store.Cursor(strconv.AppendInt(text, int64(rev), 10))
}

// revOf returns the revision that the cursor c stands behind.
func (f *feed) revOf(c store.Cursor) (store.Rev, error) {
	_, digits, _ := strings.Cut(string(c), ":")
	n, err := strconv.ParseInt(digits, 10, 64)
	rev := store.Rev(n)
	switch {
	case err != nil || f.cursor(rev) != c:
		return 0, fmt.Errorf("%w: not of this store", store.ErrCursorExpired)
	case rev > f.rev:
		return 0, fmt.Errorf("%w: it lies ahead of the feed", store.ErrCursorExpired)
	case rev < f.trimmed:
		return 0, fmt.Errorf("%w: the feed was trimmed", store.ErrCursorExpired)
	}
	return rev, nil
}

// since returns at most limit changes after the write rev, which is no older
// than trimmed.
func (f *feed) since(rev store.Rev, limit int) store.Batch {
	n := min(int(f.rev-rev), limit)
	changes := make([]store.Change, n)
	for i := range changes {
		changes[i] = f.log[f.place(rev+1+store.Rev(i))]
	}
	last := rev + store.Rev(n)
	return store.Batch{Changes: changes, Next: f.cursor(last), CaughtUp: last == f.rev}
}
