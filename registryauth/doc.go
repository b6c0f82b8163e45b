// Package registryauth puts regtoken in front of a container registry: a
// [Guard] wraps the registry's [net/http.Handler] and lets through what the
// tokens of a [regtoken.Manager] allow. It speaks the OCI distribution
// specification, so docker, podman, containerd and their kin log in with a
// token's name and password.
//
// The guard must be the only way to the registry, and the registry's own
// authentication off. Serve it over TLS: HTTP Basic authentication shows the
// password to whoever reads along.
package registryauth
