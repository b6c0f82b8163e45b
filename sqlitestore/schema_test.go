package sqlitestore_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/sqlitestore"
	"github.com/regtoken/regtoken/store"
)

func TestNewerSchemaIsRefused(t *testing.T) {
	path := newPath(t)
	r := create(t, openStore(t, path, nil), "name")
	db := openDB(t, path, "FULL")
	mustExec(t, db, `UPDATE regtoken_schema SET version = version + 1`)
	for range 2 { // nor does it change anything
		_, err := sqlitestore.Open(t.Context(), path, nil)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.ErrorContains(t, err, "version 2; this library knows version 1")
		_, err = sqlitestore.New(t.Context(), db, nil)
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
	mustExec(t, db, `UPDATE regtoken_schema SET version = version - 1`)
	requireStands(t, openStore(t, path, nil), r)
}

func TestSchemaBesideTheCallersTables(t *testing.T) {
	db := openDB(t, newPath(t), "FULL")
	mustExec(t, db, `CREATE TABLE tokens (id INTEGER PRIMARY KEY, head TEXT)`)
	mustExec(t, db, `INSERT INTO tokens (head) VALUES ('the caller''s')`)
	s, err := sqlitestore.New(t.Context(), db, nil)
	require.NoError(t, err)
	requireStands(t, s, create(t, s, "name"))
	require.NoError(t, s.Close())

	var head string // by the database that Close has left open
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT head FROM tokens`).Scan(&head))
	require.Equal(t, "the caller's", head)
}

func TestView(t *testing.T) {
	db := openDB(t, newPath(t), "FULL")
	s := newStore(t, db, nil)
	instant := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return at
	}
	null := sql.NullString{}
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	for name, c := range map[string]struct {
		expiresAt     time.Time
		data          string
		wantExpiresAt sql.NullString
		wantData      sql.NullString
	}{
		"a token":      {instant("2030-05-01T12:00:00.007Z"), `{"v": 1}`, text("2030-05-01T12:00:00.007Z"), text(`{"v":1}`)},
		"first":        {store.MinTime, `[]`, text("0001-01-01T00:00:00.001Z"), text(`[]`)},
		"last":         {store.MaxTime, `"é"`, text("9999-12-31T23:59:59.999Z"), text(`"é"`)},
		"before 1970":  {instant("1969-12-31T23:59:59.999Z"), `1`, text("1969-12-31T23:59:59.999Z"), text(`1`)},
		"never":        {time.Time{}, ``, null, null},
		"no JSON":      {time.Time{}, `{"v":`, null, null},
		"no text":      {time.Time{}, "\xff\xfe\x00\x01", null, null},
		"JSON and NUL": {time.Time{}, "{}\x00", null, null},
	} {
		r := newRecord(name)
		r.ExpiresAt, r.Data = c.expiresAt, []byte(c.data)
		rev, err := s.Put(t.Context(), r)
		require.NoError(t, err)

		var id uuid.UUID
		var registry string
		var expiresAt, data sql.NullString
		var viewRev store.Rev
		require.NoError(t, db.QueryRowContext(t.Context(),
			`SELECT id, registry, expires_at, data, rev FROM regtoken_view WHERE name = ?`, name).
			Scan(&id, &registry, &expiresAt, &data, &viewRev), name)
		require.Equal(t, r.ID, id)
		require.Equal(t, "registry", registry)
		require.Equal(t, c.wantExpiresAt, expiresAt, name)
		require.Equal(t, c.wantData, data, name)
		require.Equal(t, rev, viewRev)
	}
}
