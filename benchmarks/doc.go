// Package benchmarks puts regtoken beside what else does its work, and beside
// the limits of the machine, in one run:
//
//   - decision: may this login do this, by 1 to 10,000 rules, in ours and in
//     other libraries
//   - credential: is this the right password, by digest and by password hash
//   - frontend: a guarded registry beside the bare one, over HTTP
//   - writes: changes of tokens beside the floor of each store's engine
//   - report: the command that runs them all and writes RESULTS.md
//
// What a login costs that memory admits, in units of one SHA-256, and how much
// memory cached tokens take, are benchmarks of the library itself; report runs
// them too.
//
// The peers are pinned in go.mod. README.md says what is fair about it.
package benchmarks
