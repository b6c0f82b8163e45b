// Command report runs the benchmarks of this module, and those of the library
// itself that are shown beside them, and writes what they measured:
//
//	go run ./benchmarks/report
//
// It runs each package's benchmarks several times (once, where they repeat
// themselves), takes medians and ranges as benchstat does, and writes RESULTS.md,
// with a table for each benchmark, and decision.svg, a plot. Lines of the benchmarks are shown as they come.
//
//	-count N       how often each benchmark is run (6)
//	-only REGEXP   only packages whose name matches, such as "decision|credential"
//	-bench REGEXP  only benchmarks that match, as for go test, instead of those that suit each package
//	-benchtime T   as for go test, instead of what suits each package
//	-o DIR         where to write (this module's folder)
//
// A benchmark whose name has a part "peer=NAME" is shown in a table of peers,
// beside "regtoken" where that is one of them; if another part is a number
// ("rules=100"), with a column for each. All others are shown as they are, with
// all the units that they report. A package whose test binary has the flag
// -full is run with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	if err := report(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func report(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	var o options
	flags.IntVar(&o.count, "count", 6, "how often each benchmark is run")
	only := flags.String("only", "", "only packages whose name matches this regular expression")
	flags.StringVar(&o.bench, "bench", "", "only benchmarks that match, as for go test, instead of those that suit each package")
	flags.StringVar(&o.benchtime, "benchtime", "", "as for go test, instead of what suits each package")
	out := flags.String("o", "", "the folder to write to, instead of this module's")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	module, err := findModule(ctx)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = module
	}

	about, err := inspect(ctx, module)
	if err != nil {
		return err
	}
	about.date = time.Now().UTC().Format(time.DateOnly)
	about.command = "go run ./benchmarks/report"
	for _, arg := range args {
		about.command += " " + shellWord(arg)
	}
	write := func(rs results, failed []error) error {
		if len(rs.benchmarks) == 0 {
			return nil
		}
		about.cpu, about.failed = rs.cpu, failed
		if err := os.WriteFile(filepath.Join(*out, "RESULTS.md"), []byte(markdown(about, rs)), 0o644); err != nil {
			return err
		}
		return errors.Join(writePlots(*out, rs)...)
	}
	rs, failed := run(ctx, module, o, write)
	if len(rs.benchmarks) == 0 {
		failed = append(failed, errors.New("nothing was measured"))
	}
	return errors.Join(append(failed, write(rs, failed))...)
}

// shellWord writes an argument as a shell reads it.
func shellWord(arg string) string {
	if regexp.MustCompile(`^[\w./=:,-]+$`).MatchString(arg) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
