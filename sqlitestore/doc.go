// Package sqlitestore keeps tokens in a SQLite database: the store to begin
// with, and to stay with as long as all processes that need the tokens run on
// one machine. [Open] needs a path and nothing else, not even a C compiler;
// [New] takes a [database/sql.DB] of any SQLite driver, where the tables are
// neighbours of the caller's own.
//
// # What it promises
//
// A write that was acknowledged is on the disk: the database is in WAL mode,
// and every write commits with PRAGMA synchronous at FULL, which it asks the
// connection for instead of trusting. If the process or the machine dies, a
// write is there as a whole or not at all. Reads never wait for writes.
//
// Any number of processes may have the file open. Transactions take turns:
// between processes by SQLite's lock, for which one waits no longer than
// [Options].BusyTimeout. Within a [Store], the writes that wait for their turn
// are made in one transaction, in the order of their calls, and share its one
// flush to the disk; so a Store writes faster from many goroutines than from
// one. Each write has a revision and an outcome of its own all the same; only a
// transaction that fails as a whole, as on a full disk, fails all of them.
//
// SQLite cannot tell another process that there is something new, so the
// Store is no store.Waiter: the change feed is polled, which costs
// microseconds when nothing is new.
//
// The promise ends where SQLite's does. The file must be on a local disk, not
// on a network file system. While a process has it open nothing may replace
// or remove it, and that process must not open the file by other means than
// SQLite: on Unix, closing it drops the locks that SQLite holds. No other
// program may write to it with PRAGMA synchronous at OFF. On ext4 a commit can
// take half the time after one call of sqlite.Fdatasync(true) in package
// modernc.org/sqlite, and is just as durable.
//
// # Backup
//
// While the file is in use, copy it through SQLite. The copy is of one moment
// and waits for nobody. With the shell, to a file that does not exist yet:
//
//	sqlite3 tokens.db "VACUUM INTO 'backup.db'"
//
// or .backup backup.db there, or VACUUM INTO through any driver. A snapshot by
// the file system is as good if it takes tokens.db and tokens.db-wal at the
// same instant. A copy of tokens.db alone is no backup: what was written last
// is in tokens.db-wal.
//
// To restore, stop all processes, put the copy in the place of tokens.db,
// remove tokens.db-wal and tokens.db-shm, and start again. Caches that lived on
// in other programs notice, for their cursors have expired. Mind that what was
// deleted, disabled or rotated since the backup is as it was before.
//
// # Looking inside
//
// The view regtoken_view shows the tokens with readable IDs, times and data:
//
//	sqlite3 tokens.db "SELECT name, expires_at, data -> '$.scopes' FROM regtoken_view"
//
// Write through package regtoken alone: other writes are in no feed, and
// caches do not see them.
package sqlitestore
