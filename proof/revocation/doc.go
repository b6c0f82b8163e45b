// Package revocation proves the promise of freshness: a revocation that was
// acknowledged at T is honoured by every process in any call that starts after
// T + MaxStaleness, whatever the network does; and the other way, a credential
// that is good in the store is never refused because of what a process has
// kept. It has no code, only tests.
//
// TestRevocation plays campaigns. Four front-ends, processes of their own,
// log in all the time with tokens that an administrator creates and revokes:
// by disabling, deleting, rotating without an overlap, and removing all scopes.
// Its own Manager runs too, so that a change begins from what is kept.
// Each front-end reaches PostgreSQL or the three nodes of an etcd cluster
// through proxies of its own, which delay, cut, reset and swallow what passes,
// on all connections or on some, and it is halted (SIGSTOP), all of that for
// longer than the bound; two of them suffer nothing but answers that overtake
// each other. SQLite has no network: there the processes share a file, and are
// halted. Meanwhile the feed is trimmed, PostgreSQL's backends are terminated,
// etcd's leader is killed, and a writer locks SQLite for longer than the bound.
// By the machine's one monotonic clock the test counts, per front-end:
//
//   - stale: logins admitted that began after T, within the bound. There must
//     be some, or nothing is shown;
//   - LATE: those that began after T + MaxStaleness. Zero;
//   - WRONGFUL: logins refused that ended before the call that revokes began,
//     and those denied a right that was added longer ago than the bound. Zero;
//   - narrow: logins denied a right that was added within the bound. A grant
//     goes by what is kept, so a right that is added may take the bound to
//     show in other processes, as one that is removed.
//
// When the faults end, every front-end must admit logins out of its memory
// again.
//
// TestRevocationFindsMutants plays the same campaigns with front-ends built
// from a library with one mistake in it: fills that are not poisoned, freshness
// stamped after the answer, a push feed that is trusted. Each must be found
// LATE. TestRestore takes the store back under running front-ends: see there.
// TestRestoreFindsMutant has one that keeps what it has.
//
// The short form has a seed, so that the faults are the same each time (what
// they meet is not), and stops with a mutant as soon as it is found:
//
//	go test -race ./revocation
//
// The full form: hundreds of revocations for each store, the same campaigns to
// their end with each mutant on PostgreSQL and etcd, every way to restore; and
// campaigns with the default bound.
//
//	go test -v -timeout 2h ./revocation -full -bound 300ms -revocations 400
//	go test -v -timeout 2h ./revocation -run 'TestRevocation$' -bound 2s -revocations 100
//
// -seed 0 takes another seed each time, and a failure names it.
//
// Not covered: a laptop's sleep, which stops the monotonic clock (the root's
// own tests move the wall clock); faults between the servers of a cluster; a
// file of SQLite that is replaced under running processes. Those go on with the
// old file: restore by SQLite's online backup, as TestRestore does, or stop
// them all first.
package revocation
