// Package frontend puts a registry behind the guard beside the bare one, over
// HTTP: what the guard costs a client in throughput and latency.
//
// The registries are distribution on its filesystem driver, as most run it,
// and go-containerregistry's on memory, which does so little for a request
// that little more is as much as can show. They serve one image, bare, behind
// a guard with Basic and with Bearer tokens; the tokens are in SQLite, and
// [regtoken.Manager.Run] runs. Load comes from a second process on loopback, a
// closed loop on kept connections; the bare registry is sent a Basic login too,
// since to read a header is no cost of the guard's. A Bearer token is longer:
// what it costs any server to read one shows where the bare registry is sent it
// (bare-sent-bearer). Before anything is measured, every answer's status and
// digest are checked, and that without the credential there is none.
//
// A benchmark plays all its arrangements in short turns, in another order in
// each round, so that what else the machine does hits all of them. It reports
// for each arrangement
//
//	req/s                    the median of the rounds
//	p50-ns, p99-ns           latency, of all requests
//	server-cpu-ns/req        what the server's process spent, the median of the rounds
//	client-cpu-ns/req        likewise the load's: as long as it is the smaller, the server is measured
//	ratio-to-bare            throughput over that of the bare registry in the same round, the median,
//	ratio-p25, ratio-p75     and the quartiles
//	cpu-ratio-to-bare        server-cpu-ns/req likewise; less sensitive to noise
//	added-p50-ns, added-p99-ns
//
// Half of the machine's processors are the server's (GOMAXPROCS) and half the
// load's: on two cores one each, so the server saturates its own at the 8
// connections of BenchmarkThroughput. There, a latency is mostly waiting for
// the other seven; BenchmarkLatency has one connection.
//
//	BenchmarkThroughput   a manifest by GET and HEAD, a config, layers; 8 connections
//	BenchmarkLatency      a manifest and a layer; 1 connection
//	BenchmarkHtpasswd     distribution with its own htpasswd file, beside our Basic guard
//	BenchmarkExchange     a token server's exchanges, with the login in memory and read from the store
//	BenchmarkCeiling      a server that does nothing: what the load can do
//
// By default the rounds are few and short, which shows that all works. Figures
// that mean something take a quiet machine and seven minutes:
//
//	go test -run '^$' -bench . -benchtime 1x ./frontend -full
//
// To see where the server's time goes, name one benchmark and add -cpuprofile:
// the server is the test's own process, and the label "server" tells the
// arrangements apart (go tool pprof -tagfocus server=basic).
package frontend
