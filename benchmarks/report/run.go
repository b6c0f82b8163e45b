package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const modulePath = "github.com/regtoken/regtoken/benchmarks"

// A manner of running a package. The zero manner is go test's own.
type manner struct {
	benchtime string
	once      bool // its benchmarks go through rounds and print the medians themselves
}

// manners are those that suit a package. There is much to run in decision, and
// little to learn from running it longer.
var manners = map[string]manner{
	"decision":   {benchtime: "100ms"},
	"credential": {benchtime: "200ms"},
	"frontend":   {benchtime: "1x", once: true},
	"writes":     {benchtime: "100x", once: true},
}

type options struct {
	count     int
	only      *regexp.Regexp // of packages, by their path in the module
	bench     string
	benchtime string // "": what suits the package
}

// goCommand is the go command with the workspace off, so that what is measured
// is what go.mod pins.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir, command.Stderr = dir, os.Stderr
	command.Env = append(os.Environ(), "GOWORK=off")
	return command
}

// findModule returns this module's folder, from where in the workspace or in
// the module the command was started.
func findModule(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Dir}}", modulePath)
	command.Stderr = os.Stderr
	dir, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("where is %s: %w", modulePath, err)
	}
	return strings.TrimSpace(string(dir)), nil
}

// run measures all packages that are asked for. One that fails is left out,
// and said.
func run(ctx context.Context, module string, o options) (rs results, failed []error) {
	listed, err := goCommand(ctx, module, "list", "./...").Output()
	if err != nil {
		return rs, []error{fmt.Errorf("go list: %w", err)}
	}
	binaries, err := os.MkdirTemp("", "report")
	if err != nil {
		return rs, []error{err}
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	for path := range strings.FieldsSeq(string(listed)) {
		name := strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
		if !o.only.MatchString(name) {
			continue
		}
		output, err := measure(ctx, module, name, filepath.Join(binaries, "benchmarks.test"), o)
		if err == nil {
			err = rs.read(bytes.NewReader(output))
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return rs, failed
}

// measure builds the tests of a package and runs its benchmarks, if it has any.
func measure(ctx context.Context, module, name, binary string, o options) ([]byte, error) {
	if err := os.RemoveAll(binary); err != nil {
		return nil, err
	}
	if err := goCommand(ctx, module, "test", "-c", "-o", binary, "./"+name).Run(); err != nil {
		return nil, fmt.Errorf("go test -c: %w", err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, nil // no tests
	}
	test := func(args ...string) *exec.Cmd {
		command := exec.CommandContext(ctx, binary, args...)
		command.Dir, command.Stderr = filepath.Join(module, name), os.Stderr
		return command
	}
	benchmarks, err := test("-test.list", "^Benchmark").Output()
	if err != nil || len(bytes.TrimSpace(benchmarks)) == 0 {
		return nil, err
	}
	suits, count := manners[name], o.count
	if suits.once {
		count = 1
	}
	args := []string{"-test.run", "^$", "-test.bench", o.bench, "-test.count", fmt.Sprint(count)}
	if benchtime := cmp.Or(o.benchtime, suits.benchtime); benchtime != "" {
		args = append(args, "-test.benchtime", benchtime)
	}
	usage := test("-h")
	usage.Stderr = nil
	if text, _ := usage.CombinedOutput(); bytes.Contains(text, []byte("\n  -full\n")) {
		args = append(args, "-full")
	}
	var output bytes.Buffer
	command := test(args...)
	command.Stdout = io.MultiWriter(&output, os.Stderr)
	err = command.Run()
	return output.Bytes(), err
}
