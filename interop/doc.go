// Package interop holds tests alone: real registries behind the guard, and
// real clients in front of it. The registries are distribution's own handler
// and go-containerregistry's in-process one; the clients are
// go-containerregistry, oras-go and the docker command, which the tests build
// from the module in clients/. Everything runs on the loopback interface.
// Registries and clients that are processes of their own meet in matrix/.
package interop
