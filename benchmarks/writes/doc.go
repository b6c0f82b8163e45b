// Package writes measures what changes of tokens cost on each store, beside
// the floor of its engine: as many durable commits, of values of the same size,
// by the plain driver, in the same run. It has no code, only benchmarks:
//
//	go test -run '^$' -bench . -benchtime 100x ./writes
//
// Each iteration is a short round of calls of ours and one of the floor's
// commits, so that what else the machine does meanwhile falls on both; who is
// first changes from round to round. Of the rounds the medians are printed:
//
//   - writes/s: calls of the Manager
//   - floor/s: commits of the floor
//   - x-floor: how many times longer the calls took than the commits
//
// The calls are CreateToken, EditToken, RotateSecret and DeleteToken, one after
// the other (alone) and from 16 goroutines (16), each about a token that no
// other is about at that time. Each of them is one commit. Manager.Run runs, as
// in a program that stays: what the Manager has just created it need not read to
// change it, and reading what has changed is part of what is measured. The floors
// are:
//
//   - memory: a map's entry set or deleted under a sync.Mutex. Nothing is
//     durable, no value is encoded and nothing is ordered there, so the ratio
//     says little; look at writes/s.
//   - sqlite: a prepared INSERT, UPDATE or DELETE of one row (id, data) by
//     database/sql and the same driver, in WAL mode at synchronous=FULL, on one
//     connection, since more of them would only poll for the lock.
//   - postgres: the same by pgx, which prepares it, on a pool of as many
//     connections as there are goroutines.
//   - etcd: a Put or Delete of one key by clientv3, on a cluster of one node.
//
// A floor has no second index, no change feed and no condition. Where data lie
// is for TMPDIR to say; BenchmarkSync prints what an fsync takes there. A few
// microseconds mean that nothing reaches a disk, and that the figures are of
// something else.
package writes
