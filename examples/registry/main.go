// Registry is a container registry guarded by regtoken, to try things out and
// to copy from: distribution's registry on the loopback interface, with a
// first token to log in with. It prints every decision as it is made.
//
//	go run ./examples/registry [-addr 127.0.0.1:5000] [-data folder] [-rotate] [-basic] [-metrics 127.0.0.1:5001]
//
// Clients log in in either of two ways. By default the guard asks them for a
// Bearer token, a JWT that they get for name and password from the token server
// on the same origin, and takes name and password by themselves too (HTTP
// Basic). With -basic it knows these alone. In both, each request is judged by
// what the token may do then.
//
// Tokens are kept in a SQLite database, beside the content, and end with the
// process unless -data names a folder for both. The first token's password is
// shown when the token is made; when it is there from before, -rotate gives it a
// new one. With -metrics, Prometheus finds the figures of the token manager at
// that address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
	"github.com/regtoken/regtoken/sqlitestore"
)

// service is the registry's name in JWTs.
const service = "registry-example"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything

	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

// run serves the registry until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	flags.SetOutput(stdout)
	addr := flags.String("addr", "127.0.0.1:5000", "loopback `address` to listen on")
	data := flags.String("data", "", "`folder` to keep content and tokens in (default: a temporary one, removed at the end)")
	rotate := flags.Bool("rotate", false, "give the first token a new password, if it is there from before")
	metrics := flags.String("metrics", "", "loopback `address` to serve metrics at (default: none)")
	basic := flags.Bool("basic", false, "let clients log in by HTTP Basic alone, which sends the password with each request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	listener, err := listen("addr", *addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it ever served
	var metricsListener net.Listener
	if *metrics != "" {
		if metricsListener, err = listen("metrics", *metrics); err != nil {
			return err
		}
		defer func() { _ = metricsListener.Close() }()
	}

	folder := *data
	if folder == "" {
		if folder, err = os.MkdirTemp("", "regtoken-registry-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	} else if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("cannot keep content in -data %s: %w", folder, err)
	}
	tokens, err := sqlitestore.Open(ctx, filepath.Join(folder, "tokens.db"), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tokens.Close()) }()

	out := log.New(stdout, "", log.Ltime)
	manager, err := regtoken.NewManager(tokens, &regtoken.Options{
		Observers: []regtoken.Observer{decisionPrinter(out)},
	})
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	login, err := firstLogin(ctx, manager, host, *rotate)
	if err != nil {
		return err
	}

	registry := newRegistry(ctx, folder)
	defer func() { err = errors.Join(err, registry.Shutdown()) }()
	guard, err := newGuard(registry, manager, *basic)
	if err != nil {
		return err
	}

	if _, err := fmt.Fprintf(stdout, welcome, host, folder, login, firstName, logins(host, firstName, *basic)); err != nil {
		return err
	}
	servers := map[net.Listener]http.Handler{listener: guard}
	if metricsListener != nil {
		servers[metricsListener] = metricsHandler(manager)
	}
	return serve(ctx, servers, manager)
}

// listen refuses all but the loopback interface: there is no TLS here, and
// passwords must not travel in the clear.
func listen(flag, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on -%s %s (name another one if it is taken): %w", flag, addr, err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("-%s %s is not on the loopback interface: this example has no TLS", flag, addr)
	}
	return listener, nil
}

// newGuard puts the tokens in front of the registry.
func newGuard(registry http.Handler, manager *regtoken.Manager, basic bool) (http.Handler, error) {
	if basic {
		guard, err := registryauth.NewGuard(registry, manager, nil)
		if err != nil {
			return nil, err
		}
		return guard, nil
	}
	tokens, err := registryauth.NewTokenServer(manager, &registryauth.TokenServerOptions{
		Issuer: "regtoken-example", Service: service, // signing with keys that end with the process
	})
	if err != nil {
		return nil, err
	}
	return registryauth.NewGuard(registry, manager, &registryauth.GuardOptions{TokenServer: tokens})
}

// firstName is that of the token to begin with.
const firstName = "first"

// firstLogin returns how to log in with the first token.
func firstLogin(ctx context.Context, manager *regtoken.Manager, host string, rotate bool) (string, error) {
	credential, err := firstToken(ctx, manager)
	if errors.Is(err, regtoken.ErrNameTaken) {
		if !rotate {
			return "as before: the token \"" + firstName + "\" is there, and its password is shown only once\n  (-rotate gives it a new one)", nil
		}
		token, err := manager.TokenByName(ctx, firstName)
		if err != nil {
			return "", err
		}
		if credential, err = manager.RotateSecret(ctx, token.ID, 0); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	return credential.DockerLogin(host)
}

// firstToken makes a token that may do everything.
func firstToken(ctx context.Context, manager *regtoken.Manager) (regtoken.Credential, error) {
	_, credential, err := manager.CreateToken(ctx, regtoken.TokenSpec{
		Name: firstName,
		Scopes: []regtoken.Scope{
			regtoken.RepositoryScope("*", regtoken.Pull|regtoken.Push|regtoken.Admin),
			regtoken.RegistryScope("*"),
		},
	})
	return credential, err
}

// serve serves until ctx ends or something fails, and then lets the requests
// under way end.
func serve(ctx context.Context, servers map[net.Listener]http.Handler, manager *regtoken.Manager) error {
	const shutdownTimeout = 10 * time.Second

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return manager.Run(ctx) })
	for listener, handler := range servers {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				return errors.Join(err, server.Close())
			}
			return nil
		})
	}
	return group.Wait()
}
