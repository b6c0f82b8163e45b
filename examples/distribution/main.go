// Distribution is a stock distribution registry whose clients log in with
// regtoken's tokens, to try things out and to copy from: the registry as it is
// released, in a process of its own and with a configuration file, and a token
// server, which this program is. It prints every decision as it is made.
//
//	go run ./examples/distribution [-addr 127.0.0.1:5000] [-tokens 127.0.0.1:5001] [-data folder] [-registry program]
//
// The registry is built the first time (from the module proxy; go.mod has it
// as a tool), unless -registry names one. The token server signs what a token
// may do; the registry verifies that by the public keys that it was given, and
// asks nobody. So a token that is revoked is honoured there until the JWTs end
// that it has: 5 minutes, and 60 seconds of leeway. See examples/registry for a
// registry behind a guard, where revoking takes effect at once.
//
// Tokens are kept in memory and end with the process. So do the keys and the
// content, unless -data names a folder for them.
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
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything

	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "distribution:", err)
		os.Exit(1)
	}
}

// run serves tokens, and has the registry served, until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("distribution", flag.ContinueOnError)
	flags.SetOutput(stdout)
	addr := flags.String("addr", "127.0.0.1:5000", "loopback `address` that the registry listens on")
	tokensAddr := flags.String("tokens", "127.0.0.1:5001", "loopback `address` that the token server listens on")
	data := flags.String("data", "", "`folder` to keep keys and content in (default: a temporary one, removed at the end)")
	program := flags.String("registry", "", "the registry `program` (default: built by go)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := errors.Join(requireLoopback("-addr", *addr), requireLoopback("-tokens", *tokensAddr)); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *tokensAddr)
	if err != nil {
		return fmt.Errorf("cannot listen on -tokens %s (name another one if it is taken): %w", *tokensAddr, err)
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it ever served

	folder := *data
	if folder == "" {
		if folder, err = os.MkdirTemp("", "regtoken-distribution-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	} else if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("cannot keep keys and content in -data %s: %w", folder, err)
	}

	manager, err := regtoken.NewManager(memstore.New(), &regtoken.Options{
		Observers: []regtoken.Observer{decisionPrinter(log.New(stdout, "", log.Ltime))},
	})
	if err != nil {
		return err
	}
	keys, err := registryauth.OpenSigningKeys(filepath.Join(folder, "keys.json"))
	if err != nil {
		return err
	}
	tokens, err := registryauth.NewTokenServer(manager, &registryauth.TokenServerOptions{
		Issuer: issuer, Service: service, Keys: keys,
	})
	if err != nil {
		return err
	}
	tokenURL := urlOf(listener)
	config, err := writeConfiguration(folder, *addr, tokenURL, keys)
	if err != nil {
		return err
	}
	if *program == "" {
		if _, err := fmt.Fprintln(stdout, "Building the registry; the first time that takes a while."); err != nil {
			return err
		}
		if *program, err = buildRegistry(ctx); err != nil {
			return unlessDone(ctx, err)
		}
	}
	registry, err := newRegistryProcess(*program, config, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	credential, err := firstToken(ctx, manager)
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return manager.Run(ctx) })
	group.Go(func() error { return serve(ctx, listener, tokenHandler(tokens)) })
	group.Go(func() error { return registry.run(ctx) })
	group.Go(func() error {
		select {
		case host := <-registry.listening:
			return welcome(stdout, host, tokenURL, config, credential)
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// requireLoopback refuses all but the loopback interface: there is no TLS here,
// and passwords must not travel in the clear.
func requireLoopback(name, addr string) error {
	parsed, err := netip.ParseAddrPort(addr)
	if err != nil {
		return fmt.Errorf("%s %s is no IP address and port", name, addr)
	}
	if parsed.Addr() != netip.MustParseAddr("127.0.0.1") && parsed.Addr() != netip.IPv6Loopback() {
		return fmt.Errorf("%s %s is neither on 127.0.0.1 nor on ::1: this example has no TLS", name, addr)
	}
	return nil
}

// urlOf returns the URL of the token endpoint, by name: some clients refuse to
// send a password to an IP address that is private and not the registry's.
func urlOf(listener net.Listener) string {
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // it has one
	return "http://localhost:" + port + registryauth.TokenPath
}

// tokenHandler serves the token endpoint, and the public keys for whoever wants
// to see them: the registry has them from a file.
func tokenHandler(tokens *registryauth.TokenServer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(registryauth.TokenPath, tokens)
	mux.Handle(registryauth.JWKSPath, tokens.JWKS())
	return mux
}

// firstToken makes a token that may do everything.
func firstToken(ctx context.Context, manager *regtoken.Manager) (regtoken.Credential, error) {
	_, credential, err := manager.CreateToken(ctx, regtoken.TokenSpec{
		Name: "first",
		Scopes: []regtoken.Scope{
			regtoken.RepositoryScope("*", regtoken.Pull|regtoken.Push|regtoken.Admin),
			regtoken.RegistryScope("*"),
		},
	})
	return credential, err
}

// serve serves until ctx ends or something fails, and then lets the requests
// under way end.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	const shutdownTimeout = 10 * time.Second
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}

	group, ctx := errgroup.WithContext(ctx)
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
	return group.Wait()
}

// unlessDone returns err, or nil once ctx has ended: what was stopped did not
// fail.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
