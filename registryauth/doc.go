// Package registryauth makes the tokens of a [regtoken.Manager] work with
// container registries and their clients: docker, podman, containerd and their
// kin log in with a token's name and password.
//
// A [Guard] wraps the [net/http.Handler] of a registry, or of a reverse proxy
// to one, and lets through what the tokens allow. It speaks the OCI
// distribution specification, and takes HTTP Basic authentication and, given a
// [TokenServer], Bearer tokens. Whatever changes about a token counts at the
// next request: at once in the process that changed it, in others within
// [regtoken.Options].MaxStaleness.
//
// A [TokenServer] alone serves registries that verify Bearer tokens by
// themselves, such as stock distribution: there, what changes about a token
// counts when the JWTs that were given out before are over, five minutes later
// by default, plus what the registry adds for clocks that differ (distribution:
// one minute).
//
// A guard must be the only way to its registry, and the registry's own
// authentication off. Serve both over TLS: HTTP Basic authentication shows the
// password, and a Bearer token itself, to whoever reads along.
package registryauth
