package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

const selectRecord = `SELECT id, registry, name, expires_at, data, rev FROM regtoken_tokens `

// reads are the statements that read, each with its place in s.
func (s *Store) reads() map[string]**sql.Stmt {
	return map[string]**sql.Stmt{
		selectRecord + `WHERE id = ?`: &s.byID,

		selectRecord + `WHERE registry = ? AND name = ?`: &s.byName,

		selectRecord + `WHERE registry = ? AND name >= ? AND name <= ? ORDER BY name LIMIT ?`: &s.inRegistry,

		selectRecord + `WHERE (registry, name) >= (?, ?) AND name >= ? AND name <= ?
			ORDER BY registry, name LIMIT ?`: &s.inAll,

		selectRecord + `WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`: &s.expired,

		`SELECT rev, nonce FROM regtoken_changes ORDER BY rev DESC LIMIT 1`: &s.head,

		`SELECT rev, nonce, id FROM regtoken_changes WHERE rev >= ? ORDER BY rev LIMIT ?`: &s.changes,
	}
}

func (s *Store) prepareReads(ctx context.Context) (err error) {
	for query, place := range s.reads() {
		if *place, err = s.db.PrepareContext(ctx, query); err != nil {
			return failed(ctx, err)
		}
	}
	return nil
}

func (s *Store) closeReads() error {
	var errs []error
	for _, place := range s.reads() {
		if stmt := *place; stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (store.Record, error) {
	return s.lookUp(ctx, s.byID, id[:])
}

// GetByName implements [store.Store].
func (s *Store) GetByName(ctx context.Context, registry, name string) (store.Record, error) {
	return s.lookUp(ctx, s.byName, registry, name)
}

func (s *Store) lookUp(ctx context.Context, query *sql.Stmt, key ...any) (store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.calls.RUnlock()
	r, err := scanRecord(query.QueryRowContext(ctx, key...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Record{}, errNotFound
	case err != nil:
		return store.Record{}, failed(ctx, err)
	}
	return r, nil
}

// List implements [store.Store]. It returns full pages: fewer records than
// asked for are the last ones. A List of all registries by prefix goes through
// the names of all records.
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.enter(ctx); err != nil {
		return store.Page{}, err
	}
	defer s.calls.RUnlock()
	if err := q.Validate(); err != nil {
		return store.Page{}, err
	}
	registry, name, err := listStart(q)
	if err != nil {
		return store.Page{}, err
	}
	limit := oneMore(q.Limit)
	query, args := s.inRegistry, []any{registry, name, lastName(q.NamePrefix), limit}
	if q.AllRegistries {
		query, args = s.inAll, []any{registry, name, q.NamePrefix, lastName(q.NamePrefix), limit}
	}
	rows, err := query.QueryContext(ctx, args...)
	found, err := scanAll(scanRecord, rows, err)
	if err != nil {
		return store.Page{}, failed(ctx, err)
	}
	page := store.Page{Records: found}
	if len(found) > q.Limit {
		page.Records, page.Next = found[:q.Limit], mark(found[q.Limit])
	}
	return page, nil
}

// Expired implements [store.Store].
func (s *Store) Expired(ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.calls.RUnlock()
	if err := store.ValidateLimit(limit); err != nil {
		return nil, err
	}
	rows, err := s.expired.QueryContext(ctx, until.UnixMilli(), limit)
	found, err := scanAll(scanRecord, rows, err)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return found, nil
}

// mark is the Next of a page that goes on with r, or with what comes to stand
// between it and the last of this page. NUL parts the two: neither can hold
// one.
func mark(r store.Record) string {
	return base64.RawURLEncoding.EncodeToString([]byte(r.Registry + "\x00" + r.Name))
}

// listStart returns the least registry and name of the page that q asks for.
func listStart(q store.Query) (registry, name string, err error) {
	if q.After == "" {
		return q.Registry, q.NamePrefix, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(q.After)
	registry, name, found := strings.Cut(string(text), "\x00")
	if err != nil || !found || !q.AllRegistries && registry != q.Registry || !strings.HasPrefix(name, q.NamePrefix) {
		return "", "", fmt.Errorf("%w: Query.After is no mark of this query", store.ErrInvalid)
	}
	return registry, name, nil
}

// lastName returns what no name of the prefix comes after.
func lastName(prefix string) string { return prefix + greatestName }

// greatestName is longer than a name can be, in the greatest of characters.
var greatestName = strings.Repeat("\U0010FFFF", store.MaxName/len("\U0010FFFF")+1)

// oneMore is the limit to ask with so as to see whether there is more.
func oneMore(limit int) int { return min(limit, math.MaxInt-1) + 1 }

// scanAll returns the rows of a query, each as scan reads it.
func scanAll[T any](scan func(row) (T, error), rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err has told
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// A row is a [sql.Row] or one of [sql.Rows].
type row interface{ Scan(dest ...any) error }

func scanRecord(row row) (store.Record, error) {
	var (
		r         store.Record
		id        []byte
		expiresAt sql.NullInt64
	)
	err := row.Scan(&id, &r.Registry, &r.Name, &expiresAt, &r.Data, &r.Rev)
	if err != nil {
		return store.Record{}, err
	}
	if r.ID, err = uuid.FromBytes(id); err != nil {
		return store.Record{}, err
	}
	if expiresAt.Valid {
		r.ExpiresAt = time.UnixMilli(expiresAt.Int64).UTC()
	}
	return r, nil
}
