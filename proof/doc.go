// Package proof holds the proofs of regtoken that need more than the root's
// own tests should: its Manager against a plain model of the specification,
// many goroutines and processes on one store, stores that fail, and sweepers
// that race. It has no code, only tests.
//
//   - TestModel plays random calls against two Managers on one store and
//     compares every answer, event and listing with a model written from the
//     specification alone, clock included. TestModelFindsMutants shows that it
//     can fail.
//   - TestFaults does so with a store that fails at random: what the Manager
//     answers must be true of what the store holds. TestFaultsFindMutants shows
//     that it can fail.
//   - TestSweepers lets several Run loops race for tokens whose expiry moves, and
//     TestRun... see that Run is prompt and leaves nothing behind.
//   - The tests of concurrency hold the Manager to its promise that writers
//     never lose each other's change.
//
// All of it runs in seconds, each time with the same seed:
//
//	go test -race ./...
//
// The full form is the same with more of it, and with a seed of its own each
// time:
//
//	go test -run 'TestModel$' -rapid.seed=0 -rapid.checks=20000 -timeout=2h
//	go test -run 'TestFaults$' -rapid.seed=0 -rapid.checks=20000 -timeout=2h
//	go test -run 'TestSweepers$' -rapid.seed=0 -rapid.checks=2000 -timeout=2h
//	go test -race -run TestConcurrent -count=100
//
// These are of one process on a store in memory. The folders have the proofs
// that need processes, networks and databases, each with its commands:
//
//   - kill: writers and servers are killed, files are torn, acknowledgements get
//     lost, sweepers race; nothing acknowledged is missing, nothing is half.
//   - history: what several processes do at once is linearizable.
//   - revocation: nothing dead is honoured past the bound, whatever the network
//     does; also after a restore or a failover that lost its tail.
//   - fleet: what a fleet costs its database, and how fast it is.
//
// A failure here prints the shortest sequence of calls that rapid found for it, and
// the flag that plays it again.
package proof
