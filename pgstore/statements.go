package pgstore

import "github.com/jackc/pgx/v5"

// execMode sends each statement and its arguments together, in one round trip
// and without a name. Prepared statements would stay behind in a session, and
// behind a transaction pooler the next call may find another.
const execMode = pgx.QueryExecModeExec

// statements are the SQL texts of the calls.
type statements struct {
	get, getByName, list, listAll, expired string
	head, changes                          string
	write, writeOne, tell                  string
}

const record = `SELECT id, registry, name, expires_at, data, rev FROM {schema}.`

// statements returns the texts for a schema, each a call of one of its
// functions.
func (n names) statements() statements {
	return statements{
		get:       n.in(record + `by_id($1)`),
		getByName: n.in(record + `by_name($1, $2)`),
		list:      n.in(record + `list($1, $2, $3, $4)`),
		listAll:   n.in(record + `list_all($1, $2, $3, $4)`),
		expired:   n.in(record + `expired($1, $2)`),
		head:      n.in(`SELECT rev, nonce FROM {schema}.last_write()`),
		changes:   n.in(`SELECT rev, nonce, id FROM {schema}.changes_from($1, $2)`),
		write:     n.in(`SELECT outcome, revision FROM {schema}.write_all($1, $2, $3, $4, $5, $6, $7)`),
		writeOne:  n.in(`SELECT {schema}.write_one($1, $2, $3, $4, $5, $6, $7, $8)`),
		tell:      n.in(`SELECT {schema}.tell()`),
	}
}
