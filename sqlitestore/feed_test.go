package sqlitestore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

func TestFeedKeepsItsSize(t *testing.T) {
	const size, writes = 10, 3 * sqlitestore.TrimEvery
	db := openDB(t, newPath(t), "NORMAL")
	s := newStore(t, db, &sqlitestore.Options{FeedSize: size})
	var cursors []store.Cursor
	r := newRecord("name")
	for i := range writes {
		head, err := s.Head(t.Context())
		require.NoError(t, err)
		cursors = append(cursors, head)
		r.Rev, err = s.Put(t.Context(), r)
		require.NoError(t, err)

		var kept int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM regtoken_changes`).Scan(&kept))
		require.LessOrEqual(t, kept, 1+size+sqlitestore.TrimEvery)
		batch, err := s.Changes(t.Context(), cursors[max(0, len(cursors)-size)], writes)
		require.NoError(t, err)
		require.Len(t, batch.Changes, min(size, i+1))
		require.True(t, batch.CaughtUp)
	}
	for _, cursor := range cursors[:writes-size-sqlitestore.TrimEvery] {
		_, err := s.Changes(t.Context(), cursor, 1)
		require.ErrorIs(t, err, store.ErrCursorExpired)
	}
}
