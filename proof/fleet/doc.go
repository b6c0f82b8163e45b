// Package fleet measures what a fleet of front-ends on one PostgreSQL costs and
// how fast it is, with the default options. It has no code, only a test.
//
// TestFleet starts front-ends, processes of their own, once with LISTEN and
// once with polls alone, and measures:
//
//   - how long after the acknowledgement of a revocation each front-end began
//     the first login that it refused. Each logs in every 5 ms (and the time
//     that takes), which is the resolution. No login that begins later than
//     the bound may be admitted;
//   - what the server does while nobody logs in: statements a second, and the
//     share of one processor that all its processes take;
//   - the same, and the share of logins that were admitted out of memory, while
//     every front-end makes 100 logins a second with 200 tokens by turns, 1 in
//     100 with a wrong password, and two tokens a second change.
//
// The short form, with 1 and 4 front-ends and for seconds, sees that it holds:
//
//	go test -race ./fleet
//
// The full form prints the table of the README, with 1, 10 and 40:
//
//	go test -v -timeout 1h ./fleet -full
//
// The front-ends share the machine with the server; on a small one it is they
// that make 40 slow.
package fleet
