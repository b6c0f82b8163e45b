// Package matrix holds tests alone: every client runs one script against every
// arrangement of a registry with regtoken, and what it saw is compared with
// what it should see. The outcome is kept in MATRIX.md, one folder up; write
// it anew with
//
//	go test ./interop/matrix -update
//
// By default some rows are left out where they can hardly tell more than others
// do; -full runs all of them.
//
// The registries and the commands are the real ones, and run on the loopback
// interface, over TLS where a client can. Two commands cannot be built from the
// Go module proxy, skopeo and buildah; where they are not installed, they are
// skipped, which CI takes for a failure.
package matrix
