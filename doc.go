// Package regtoken manages the credentials of a container registry: named
// tokens with narrow scopes, an expiry, and a secret that is shown once. It is
// meant to be embedded: in a registry, in front of one, or in a service that
// administers one.
//
//	tokens, err := regtoken.NewManager(memstore.New(), nil)
//	...
//	token, credential, err := tokens.CreateToken(ctx, regtoken.TokenSpec{
//		Name:   "ci-build",
//		Expiry: time.Now().Add(90 * 24 * time.Hour),
//		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push)},
//	})
//	...
//	login := regtoken.Login{Name: user, Password: regtoken.NewPassword(password)}
//	switch err := tokens.Authorize(ctx, login, "team/app", regtoken.Push); {
//	case err == nil: // go ahead
//	case errors.Is(err, regtoken.ErrUnauthenticated): // 401
//	case errors.Is(err, regtoken.ErrDenied): // 403
//	default: // 503: it could not be told; let nobody in
//	}
//
// A [Manager] creates, edits and checks tokens. It keeps them in a
// [github.com/regtoken/regtoken/store.Store]: package memstore has one in
// memory; the modules sqlitestore, pgstore and etcdstore, beside this one, keep
// them in a file or in the database that a fleet shares; and package store tells
// how to write another. A [Grant] is what a login may do; it answers without
// I/O. An [Observer] is told of every change and every decision, and
// [Manager.Stats] has the figures for metrics.
//
// To put a whole registry behind tokens, so that docker login, push and pull
// work, see the module github.com/regtoken/regtoken/registryauth.
//
// # When not to use it
//
// It is no user directory: a token stands for a program or a person, but knows
// no groups, no passwords chosen by people, and no single sign-on. It is no
// policy language: rights are a union of scopes, and nothing subtracts. And a
// registry with a handful of users who never change is served by a htpasswd
// file.
//
// # Promises
//
// The Manager's clock ([Options].Now) is the truth: at its expiry a token is
// gone for every call, whether or not its record was swept. What is unclear is
// denied. Secrets are in no error, event, log line or JSON of this library.
//
// A token that is disabled, deleted, rotated or narrowed is so at once in the
// process that did it. In every other it is so for each call that starts later
// than [Options].MaxStaleness (two seconds) after the change was acknowledged,
// whatever the network does: [Manager.Run] lets logins go by what is kept in
// memory only for as long as it is sure of that. Without Run each login asks
// the store. A store that cannot be asked is no reason to refuse a credential:
// the answer is then [ErrUnavailable]. And no login is ever refused by what is
// kept in memory, only by the store. (A right that was added to a token shows
// in other processes within the same time.)
//
// # Compatibility
//
// Until version 1.0 the API may change between minor versions, each change
// being listed in CHANGELOG.md. What is kept in a store stays readable: each
// version reads the records of all versions before it, and refuses those of a
// version it does not know.
package regtoken
