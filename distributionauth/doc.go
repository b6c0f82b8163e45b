// Package distributionauth puts regtoken into distribution, the registry, for
// programs that embed it or build it: an access controller that is asked about
// every request, registered under the name "regtoken".
//
//	config.Auth = distributionauth.Auth(manager, nil)
//	app := handlers.NewApp(ctx, config)
//	defer app.Shutdown()
//	http.ListenAndServeTLS(":443", cert, key, distributionauth.Handler(app))
//
// A registry whose configuration comes from a file is given the Manager by the
// program around it, before it starts; no file can hold one:
//
//	config, err := configuration.Parse(file)
//	...
//	config.Auth = distributionauth.Auth(manager, nil)
//	registry.RegisterHandler(func(_ *configuration.Configuration, next http.Handler) http.Handler {
//		return distributionauth.Handler(next)
//	})
//	r, err := registry.NewRegistry(ctx, config)
//
// # Handler
//
// Distribution lets an access controller answer 401, with a challenge, and
// nothing else: any other error is a 400 without a body. [Handler] around the
// registry makes it the right answer: 403 for rights that are missing, 503 for
// a store that cannot be asked, 404, 405 and 415 for what is not served. It
// also keeps form bodies from being read, which distribution does before it
// asks who sent them. Without it nothing more is let in: only the answers are
// those of distribution. Its access log tells 400 in either case.
//
// # What it cannot do
//
// The module github.com/regtoken/regtoken/registryauth has a Guard that goes
// around any registry, distribution included, and does more. Take this package
// where distribution itself shall know who acts, for its log and its
// notifications, or where it is built with an access controller anyhow. It
// cannot
//
//   - cut the catalogue: it shows all repositories, and only to a token with a
//     registry scope on "*";
//   - limit failed logins: secrets are too random to be guessed, but whoever
//     tries costs a look at the store each time. A proxy in front can;
//   - take Bearer tokens: clients log in by HTTP Basic authentication, at
//     every request. So disabling, deleting, narrowing or rotating a token takes
//     effect with the next request: at once in the process that did it, in
//     others within [regtoken.Options].MaxStaleness;
//   - refuse "/v2": distribution sends it on to "/v2/" before it asks anyone.
//
// Serve it over TLS: HTTP Basic authentication shows the password to whoever
// reads along. Distribution's blobs are shared between repositories on disk but
// served only by those that have them.
package distributionauth
