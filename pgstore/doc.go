// Package pgstore keeps tokens in a PostgreSQL database: for a fleet of
// processes that share the database they run anyway.
//
//	s, err := pgstore.Open(ctx, "postgres://regtoken@db/registry", nil)
//	...
//	defer s.Close()
//	tokens, err := regtoken.NewManager(s, nil)
//
// # What it promises
//
// All of [store.Store], for any number of processes. A write is one round
// trip, in one transaction. It is on disk when it is acknowledged: where a
// session has synchronous_commit off, writes set it on for themselves, and
// leave every other setting as it is. Revisions have no gaps, and their order
// is that of the commits, since every transaction locks one row until it
// commits; so transactions go one by one, as fast as the server flushes to disk.
//
// Writes that reach a [Store] while one of its transactions is under way wait
// for it, a quarter of a second at most, and are then made together, in one
// transaction and with one flush. Each has a revision and an outcome of its
// own: that one is refused, or its context ends, is nothing to the others. But
// what becomes of the transaction becomes of them all.
//
// A failed write says whether it may have happened. It is ErrUnavailable
// where nothing was sent, or the server answered with an error that rolled the
// transaction back: no right, a read-only server, a lock or statement
// timeout, a deadlock or serialization failure. It is ErrUnknown where the
// answer was lost: the connection broke, ctx or the store ended on the way,
// or the server or a pooler ended the session. The store repeats no call.
//
// # What it needs
//
// PostgreSQL 13 or later, with its language plpgsql, and a database of any
// encoding. [Open] and [New] make the schema, or bring it up to date, under a
// lock, so any number of processes may start at once; a schema of a version
// that they do not know they refuse. For that they need the right to create
// things in the schema, or a schema in the database. Where the schema is
// current nothing is created, and these rights suffice, as for a role "app":
//
//	GRANT USAGE ON SCHEMA regtoken TO app;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA regtoken TO app;
//
// Sessions should have the default_transaction_isolation that PostgreSQL has
// by default, READ COMMITTED. Stricter ones are safe, but of writes at the
// same time all but one may then be refused, with ErrUnavailable.
//
// # To look at it
//
// The view tokens shows the records with their data as JSON (NULL for what is
// no JSON), to anyone who may use the schema and read the view:
//
//	SELECT name, expires_at, data FROM regtoken.tokens WHERE registry = '';
//
// Change nothing by hand: the feed would not tell of it, and caches would go
// on honouring a token that is gone.
//
// # Poolers
//
// A transaction pooler (PgBouncer with pool_mode=transaction) may be in
// between: statements are sent without a name, in one exchange, whatever the
// pool's default, and nothing is kept in a session. The plans that prepared
// statements would save are in the schema's functions, for each session of
// the server.
//
// Notifications do not get through a transaction pooler. [Store.Wait] tests
// whether they do, and goes without where they do not, by looking at Head
// every 2 seconds; it tests again every 10 minutes. [Store.Listening] says how
// it stands. Only how soon a change is noticed depends on it. Of writes in quick
// succession a store sends one notification every 20 milliseconds. An error
// that a pooler makes up itself is ErrUnknown, even if it had no server.
//
// # Standby, failover, restore
//
// Only the primary is asked. A standby shows the past, where a revoked token
// still stands, so every call refuses one with ErrUnavailable. In a connection
// string of several hosts, add target_session_attrs=read-write.
//
// With asynchronous replication a failover loses the last writes, and a
// restore from a backup loses those since. Each write has a random nonce, and a cursor
// of a write that was lost expires, even when others have since got its
// revision; so caches drop what they hold. The lost writes themselves are
// gone, a revocation too: use synchronous replication where that must not be.
// A primary that was cut off from its standbys and is still asked, after one
// of them was promoted, goes on answering; keeping that from happening
// (fencing) is the business of what promotes.
//
// Back up as any PostgreSQL database: by pg_dump, or by base backups and an
// archive of the log. A dump of the schema alone suffices (pg_dump -n regtoken).
package pgstore
