// Package history proves that stores, and Managers on them, are linearizable:
// whatever several goroutines in two processes do at once, and whatever is
// killed or cut off meanwhile, the answers are those of one call after the
// other, in an order that agrees with the times of the calls. It has no code,
// only tests.
//
// A history is some hundred calls about three to six names, made by three
// goroutines in each of two processes (of memstore: by two Managers in one
// process). Begin and end of each call are taken from one clock, and porcupine
// looks for an order in which a model of a few lines gives the same answers. A
// history that it cannot judge in time counts as wrong. A call whose outcome
// nobody learned may have happened at any time since it began, or never. There
// are these kinds, of each store:
//
//   - port: Put, Delete, Get and GetByName of the store itself. Besides, a write
//     that began after another had ended must have the higher revision, and the
//     change feed, read from where it stood before, must list exactly the
//     writes.
//   - manager: create, disable and enable, add and remove scopes, rotate,
//     retire, delete, read by ID and by name, and log in, by Managers that ask
//     the store each time.
//   - followed: the same by Managers that go by what they keep in memory. A
//     login that was admitted may have gone by what was true up to MaxStaleness
//     before it began, but not before what its own process had changed about the
//     token; a refusal, by no less than the truth.
//   - killed-port, killed-manager: processes are killed in the midst of their
//     calls, and started again. Not of memstore.
//   - cut-port, cut-manager: proxies before the servers refuse, reset, delay and
//     lose connections, or lose answers alone. Only of pgstore and etcdstore.
//
// TestMutants shows that it can fail: cached reads that are stale, deletions
// applied later, lost updates, two tokens of one name, rotations that keep the
// old secret, revisions out of order, and feeds that lack something are found.
//
// Two histories of each kind run in a minute or less, most of which the servers
// take to start:
//
//	go test -race ./history
//
// The full form plays more of them, with a seed of its own each time (-seed=0),
// and takes about a quarter of an hour:
//
//	go test ./history -v -histories=40 -seed=0 -timeout=3h
//
// -ops is how many calls a history has, and -run chooses store and kind
// (TestDurable/pgstore/cut-port). What a seed decides is who tries what; how
// calls meet is the machine's affair, so a seed plays a failure again only with
// luck. A picture of a rejected history is left in a file whose path is printed;
// with -artifacts, it is among the test's artifacts.
//
// Not covered: expiry (no clock moves within a history); lists, whose pages are
// no one instant; and that what a login goes by never moves back in time within
// the bound. Where acknowledgements get lost, two callers may both be told that
// they deleted a token, as the Manager documents it.
package history
