package pgstore

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed schema/1.sql
var schema1 string

//go:embed schema/2.sql
var schema2 string

//go:embed schema/3.sql
var schema3 string

// migrations lead from each version of the schema to the next: the first from
// an empty database to version 1. What is there is never changed, only added
// to. Processes of the version before go on working on what a migration has
// made, or fail; they must not work on it wrongly.
var migrations = []string{schema1, schema2, schema3}

// names are what a store calls its things in the database.
type names struct {
	schema  string // quoted
	channel string // of notifications, which are for all schemas of a database
	lock    int64  // of migrations, an advisory lock, likewise
}

func namesOf(schema string) names {
	sum := sha256.Sum256([]byte("regtoken:" + schema))
	return names{
		schema:  pgx.Identifier{schema}.Sanitize(),
		channel: "regtoken_" + hex.EncodeToString(sum[:8]),
		lock:    int64(binary.BigEndian.Uint64(sum[8:])),
	}
}

// in puts the names into an SQL text.
func (n names) in(sql string) string {
	return strings.NewReplacer("{schema}", n.schema, "{channel}", n.channel).Replace(sql)
}

// prepare makes sure that the schema is of this package's version.
func (s *Store) prepare(ctx context.Context) error {
	err := s.usable(ctx)
	if err != nil {
		return err
	}
	// Most often it is, and then no right to create anything is needed.
	version, err := s.schemaVersion(ctx)
	if err == nil && version < len(migrations) {
		version, err = s.migrate(ctx)
	}
	switch {
	case err != nil:
		return err
	case version > len(migrations):
		return fmt.Errorf("pgstore: schema %s has version %d, and this package knows versions up to %d: use a newer one",
			s.names.schema, version, len(migrations))
	}
	return nil
}

// schemaVersion returns the version of the schema, 0 if there is none yet.
func (s *Store) schemaVersion(ctx context.Context) (int, error) {
	var version int
	err := s.pool.QueryRow(ctx, s.names.in(`SELECT version FROM {schema}.schema_version`), execMode).Scan(&version)
	var answer *pgconn.PgError
	const undefinedTable, undefinedSchema = "42P01", "3F000"
	switch {
	case errors.As(err, &answer) && (answer.Code == undefinedTable || answer.Code == undefinedSchema):
		return 0, nil
	case err != nil:
		return 0, s.harmless(ctx, err)
	}
	return version, nil
}

// migrate brings the schema up to date and returns the version it then has.
// Others may do the same at the same time: the lock, which ends with the
// transaction, lets in one after the other.
func (s *Store) migrate(ctx context.Context) (version int, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, execMode, s.names.lock); err != nil {
			return err
		}
		if version, err = s.versionUnderLock(ctx, tx); err != nil || version >= len(migrations) {
			return err
		}
		for ; version < len(migrations); version++ {
			// The simple protocol: it takes many statements at once.
			if _, err := tx.Exec(ctx, s.names.in(migrations[version]), pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, s.names.in(`UPDATE {schema}.schema_version SET version = $1`), execMode, version)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%w (making schema %s, of version %d)", s.harmless(ctx, err), s.names.schema, len(migrations))
	}
	return version, nil
}

// versionUnderLock returns the version of the schema, after making what holds
// it. A schema that is there is not created: a role may own one, and have no
// right to create others.
func (s *Store) versionUnderLock(ctx context.Context, tx pgx.Tx) (version int, err error) {
	var hasSchema, hasVersion bool
	err = tx.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL`, execMode,
		s.names.schema, s.names.schema+".schema_version").Scan(&hasSchema, &hasVersion)
	if err != nil {
		return 0, err
	}
	if !hasSchema {
		if _, err := tx.Exec(ctx, s.names.in(`CREATE SCHEMA {schema}`), execMode); err != nil {
			return 0, err
		}
	}
	if !hasVersion {
		_, err := tx.Exec(ctx, s.names.in(`CREATE TABLE {schema}.schema_version AS SELECT 0 AS version`), execMode)
		return 0, err
	}
	err = tx.QueryRow(ctx, s.names.in(`SELECT version FROM {schema}.schema_version`), execMode).Scan(&version)
	return version, err
}
