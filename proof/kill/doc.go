// Package kill proves that nothing acknowledged is lost, and that nothing is
// ever half: when the writer is killed, when the server is, when the files are
// copied at that instant or their end is destroyed, when the connection breaks
// between commit and acknowledgement, and when several processes sweep at once.
// It has no code, only tests, of sqlitestore, pgstore and etcdstore.
//
//   - TestKillWriter: a process with four writers is killed by SIGKILL, at a
//     random time or after a random number of acknowledgements, again and again
//     on the same data; on new data perhaps before the schema is made.
//   - TestKillServer: PostgreSQL, or one, two or all of three etcd nodes are
//     killed by SIGKILL, and started again, under a process that lives on.
//   - TestCopySQLite, TestCopyPostgres: the files are copied while the writer
//     stands still, or the server is dead, and opened elsewhere.
//   - TestTornLog: SQLite's log is cut off at a random byte, or overwritten
//     from there on.
//   - TestLostAcknowledgements: a proxy silences or breaks the connection in
//     the midst of a store's write, in either direction.
//   - TestManagerSettles: the same under a Manager's call, where the connection
//     comes back in time or does not, and the caller tries again.
//   - TestSweepers: three processes sweep tokens that a fourth makes, and now
//     and then renews at the last moment.
//
// What is checked: A ledger knows of each call whether it was acknowledged,
// refused, or in doubt (in flight at the kill, or answered so), and from that,
// which states each token can be in; what is found must be one of them, and so
// must every answer on the way. All ways to read a store must agree: by ID, by
// name, listings of all sizes, by expiry; and the change feed, read from a
// cursor taken before, must tell of every write and of nothing else. Passwords
// log in, or do not, as the state says. A name that nothing stands under can be
// taken. And the store goes on working.
//
// A log that is torn is judged more strictly, since its writes come one after
// the other and the log's length at each acknowledgement is known: what is
// there must be what it was before the first write that was hit. So bytes
// behind the last acknowledgement can be destroyed without any loss; and when
// bytes of acknowledged writes are, as by a disk that lies about flushing, the
// database is at an earlier moment, and every cursor from the time after that
// has expired, also when the revisions come again.
//
// The short form takes about a minute, each time with the same seed:
//
//	go test ./kill
//
// The full form, in about ten minutes on two cores: 100 kills of each store's
// writer, and as much of everything else; what is rare must have been seen. A
// seed of 0 is another one each time.
//
//	go test ./kill -v -kills=100 -seed=0 -timeout=1h
//
// A seed repeats what is chosen at random, not when the processes get to it. A
// failure prints it, the states that were possible, and the last calls about
// the token. The tests called ...FindsMutants show that each check can fail.
//
// What is not covered: A kill leaves to the operating system what was written
// and not yet flushed, so no kill can tell whether a store flushes before it
// acknowledges; SQLite with synchronous=OFF would pass TestKillWriter. Only
// TestTornLog says what a loss of unflushed data would lead to. The logs of
// PostgreSQL and etcd are not torn: both write into files of a fixed size whose
// end is theirs alone to know, and etcd's are of use only in the places of
// their nodes, where TestKillServer starts them again.
package kill
