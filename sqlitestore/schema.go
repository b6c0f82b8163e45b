package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// migrations lead from each version of the schema to the next; the first,
// from a database without our tables to version 1.
//
// The rows of regtoken_changes are the feed, without gaps, and the newest is
// the head: it is never removed, and a write's revision is the next. That
// needs no row of its own to lock, for SQLite has one writer at a time.
var migrations = [][]string{
	{
		`CREATE TABLE regtoken_schema (version INTEGER NOT NULL) STRICT`,
		`INSERT INTO regtoken_schema VALUES (0)`,
		`CREATE TABLE regtoken_tokens (
			id         BLOB PRIMARY KEY NOT NULL,
			registry   TEXT NOT NULL,
			name       TEXT NOT NULL,
			expires_at INTEGER, -- Unix milliseconds; NULL: never
			data       BLOB NOT NULL,
			rev        INTEGER NOT NULL,
			UNIQUE (registry, name)
		) STRICT`,
		`CREATE INDEX regtoken_expiry ON regtoken_tokens (expires_at) WHERE expires_at IS NOT NULL`,
		`CREATE TABLE regtoken_changes (
			rev   INTEGER PRIMARY KEY,
			id    BLOB NOT NULL,
			nonce INTEGER NOT NULL -- random: tells this write from another that gets its revision after a restore
		) STRICT`,
		`INSERT INTO regtoken_changes VALUES (0, zeroblob(16), random())`,
		`CREATE VIEW regtoken_view AS SELECT
			lower(format('%s-%s-%s-%s-%s', substr(hex(id), 1, 8), substr(hex(id), 9, 4), substr(hex(id), 13, 4),
				substr(hex(id), 17, 4), substr(hex(id), 21))) AS id,
			registry,
			name,
			strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS expires_at,
			CASE WHEN instr(data, x'00') = 0 AND json_valid(CAST(data AS TEXT)) THEN json(CAST(data AS TEXT)) END AS data,
			rev
		FROM regtoken_tokens`,
	},
}

// makeSchema brings the schema up to date. Any number of processes may do so
// at once.
func (w *session) makeSchema(ctx context.Context) error {
	var encoding string
	if err := w.queryRow(ctx, "PRAGMA encoding").Scan(&encoding); err != nil {
		return failed(ctx, err)
	}
	if !strings.EqualFold(encoding, "UTF-8") {
		return unavailable(fmt.Errorf("PRAGMA encoding is %s: only UTF-8 keeps the order of names", encoding))
	}
	switch version, err := w.schemaVersion(ctx); {
	case err != nil:
		return failed(ctx, err)
	case version == len(migrations):
		return nil // without waiting for who writes
	}
	return w.transact(ctx, func(ctx context.Context) error {
		if err := w.migrate(ctx); err != nil {
			return unavailable(err)
		}
		return nil
	})
}

func (w *session) migrate(ctx context.Context) error {
	version, err := w.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("the schema of the database has version %d; this library knows version %d: use a newer one",
			version, len(migrations))
	}
	for _, migration := range migrations[version:] {
		for _, statement := range migration {
			if _, err := w.conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("making the schema: %w", err)
			}
		}
	}
	_, err = w.conn.ExecContext(ctx, `UPDATE regtoken_schema SET version = ?`, len(migrations))
	return err
}

// schemaVersion returns 0 where there is none of our tables.
func (w *session) schemaVersion(ctx context.Context) (version int, err error) {
	var exists int
	err = w.queryRow(ctx, `SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = 'regtoken_schema'`).Scan(&exists)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err == nil {
		err = w.queryRow(ctx, `SELECT version FROM main.regtoken_schema`).Scan(&version)
	}
	if err != nil {
		return 0, fmt.Errorf("reading the version of the schema: %w", err)
	}
	return version, nil
}
