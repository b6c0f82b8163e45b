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
	put, remove                            string
}

// onPrimary makes of a query one that returns, before its columns, whether the
// server is a standby; and, where the query has no rows, one row of NULLs, so
// that this is told in any case. A standby, which a pooler or a failover may
// put behind any connection, shows the past: a token that was revoked since.
func onPrimary(query, order string) string {
	return "SELECT pg_is_in_recovery(), found.* FROM (SELECT) AS always LEFT JOIN (" + query + ") AS found ON true ORDER BY " + order
}

const record = `SELECT rev, id, registry, name, expires_at, data FROM {schema}.records `

func (n names) statements() statements {
	return statements{
		get:       n.in(onPrimary(record+`WHERE id = $1`, `id`)),
		getByName: n.in(onPrimary(record+`WHERE registry = $1 AND name = $2`, `id`)),
		// $2 is where the page begins; $3, if not NULL, is behind all names of the prefix.
		list: n.in(onPrimary(record+`WHERE registry = $1 AND name >= $2 AND ($3::bytea IS NULL OR name < $3)
			ORDER BY name LIMIT $4`, `name`)),
		// $3 is the prefix.
		listAll: n.in(onPrimary(record+`WHERE (registry, name) >= ($1, $2) AND substring(name FOR length($3::bytea)) = $3
			ORDER BY registry, name LIMIT $4`, `registry, name`)),
		expired: n.in(onPrimary(record+`WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2`, `expires_at, id`)),
		head:    n.in(`SELECT pg_is_in_recovery(), rev, nonce FROM {schema}.head`),
		changes: n.in(onPrimary(`SELECT rev, id, nonce FROM {schema}.changes WHERE rev >= $1 ORDER BY rev LIMIT $2`, `rev`)),
		put:     n.in(`SELECT outcome, revision FROM {schema}.put($1, $2, $3, $4, $5, $6, $7)`),
		remove:  n.in(`SELECT outcome, revision FROM {schema}.remove($1, $2, $3)`),
	}
}
