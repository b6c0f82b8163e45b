// Migrate copies all tokens of all registries from one store to another, with
// store.Copy, whose documentation says how to move for good.
//
//	go run ./examples/migrate -from sqlite:tokens.db -to postgres://user@host/db [-overwrite]
//
// A store is one of
//
//	sqlite:PATH                     the file of a sqlitestore
//	postgres://...                  the connection string of a pgstore
//	etcd://HOST:PORT,.../[PREFIX]   the endpoints of an etcdstore, without TLS;
//	                                the prefix is all behind the first "/"
//
// Other users of the machine can see what a command is called with. So
// passwords are better left out: pgx reads PGPASSWORD and the password file, and
// where -from or -to is missing, MIGRATE_FROM or MIGRATE_TO of the environment
// is taken. What is printed holds none.
//
// It can be interrupted at any time and run again, which completes the copy. A
// destination that holds tokens of its own is left as it is, unless -overwrite
// is given: then tokens that were revoked there come back.
//
// The exit code is 0 if the destination equals the source, 1 if something
// failed, 2 if the command line is wrong, and 3 if the destination holds other
// tokens and nothing was written. (Of "go run" it is always 1.)
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/regtoken/regtoken/store"
)

// The exit codes.
const (
	done    = 0
	failed  = 1
	misused = 2
	differs = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run copies and returns the exit code. Progress and errors go to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	fromURL := flags.String("from", "", "`store` to copy from (default: $MIGRATE_FROM)")
	toURL := flags.String("to", "", "`store` to copy to (default: $MIGRATE_TO)")
	overwrite := flags.Bool("overwrite", false, "make the destination what the source is, whatever it holds")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return done
		}
		return misused
	}
	complain := func(err error) { _, _ = fmt.Fprintln(stderr, "migrate:", err) }
	openFrom, err := parse(cmp.Or(*fromURL, os.Getenv("MIGRATE_FROM")), mustExist)
	err = named("-from", err)
	openTo, toErr := parse(cmp.Or(*toURL, os.Getenv("MIGRATE_TO")), mayBeNew)
	err = errors.Join(err, named("-to", toErr))
	if flags.NArg() > 0 { // its text may hold a password
		err = errors.Join(err, errors.New("there is an argument that belongs to no flag"))
	}
	if err != nil {
		complain(err)
		return misused
	}

	report, err := migrate(ctx, openTo, openFrom, &store.CopyOptions{
		Overwrite: *overwrite,
		Progress:  progress(stderr, time.Now),
	})
	switch {
	case errors.Is(err, store.ErrDiffers):
		complain(err)
		return differs
	case err != nil:
		complain(err)
		if report.Phase == store.PhaseCopying || report.Phase == store.PhaseVerifying {
			complain(errors.New("the copy is unfinished, and its destination not to be used: run this again"))
		}
		return failed
	}
	_, _ = fmt.Fprintf(stdout, "the destination equals the source: %d tokens (%d created, %d replaced, %d deleted)\n",
		report.Read, report.Created, report.Replaced, report.Deleted)
	return done
}

func named(flag string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return err
}

// migrate opens the stores and copies.
func migrate(ctx context.Context, openTo, openFrom opener, opts *store.CopyOptions) (report store.CopyReport, err error) {
	from, err := openFrom(ctx)
	if err != nil {
		return report, fmt.Errorf("opening the source: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openTo(ctx)
	if err != nil {
		return report, fmt.Errorf("opening the destination: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return store.Copy(ctx, to, from, opts)
}

// progress prints a line once a second, and for each phase.
func progress(out io.Writer, now func() time.Time) func(store.CopyReport) {
	var last time.Time
	var phase store.CopyPhase
	return func(r store.CopyReport) {
		if r.Phase == phase && now().Sub(last) < time.Second {
			return
		}
		last, phase = now(), r.Phase
		_, _ = fmt.Fprintf(out, "%-9s %d tokens read, %d as they should be; %d created, %d replaced, %d deleted\n",
			r.Phase, r.Read, r.Unchanged, r.Created, r.Replaced, r.Deleted)
	}
}
