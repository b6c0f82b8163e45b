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

const (
	libraryPath = "github.com/regtoken/regtoken"
	modulePath  = libraryPath + "/benchmarks"
)

// A manner of running a package. The zero manner is go test's own.
type manner struct {
	bench     string // "": all
	benchtime string
	once      bool // its benchmarks go through rounds and print the medians themselves
}

// manners are those that suit a package of this module. There is much to run in
// decision, and little to learn from running it longer.
var manners = map[string]manner{
	"decision":   {benchtime: "100ms"},
	"credential": {benchtime: "200ms"},
	"frontend":   {benchtime: "1x", once: true},
	"writes":     {benchtime: "100x", once: true},
}

// A measurement is of benchmarks of one package, in one manner.
type measurement struct {
	name string // of the package, as -only sees it and results show it
	path string // to import it by
	manner
}

// libraryMeasurements are those of the library itself.
var libraryMeasurements = []measurement{
	{"regtoken", libraryPath, manner{bench: "^Benchmark(Login|LoginTwoCores|GC)$", benchtime: "3000000x", once: true}},
	{"regtoken", libraryPath, manner{bench: "^Benchmark(Memory|DecisionCost)$", benchtime: "1x", once: true}},
	{"pattern", libraryPath + "/internal/pattern", manner{bench: "^Benchmark(SHA256|Set|Cold|Build)$", benchtime: "20ms"}},
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

// run measures all packages that are asked for, and after each hands on what was
// measured by then. One that fails is left out, and said.
func run(ctx context.Context, module string, o options, write func(results, []error) error) (rs results, failed []error) {
	listed, err := goCommand(ctx, module, "list", "./...").Output()
	if err != nil {
		return rs, []error{fmt.Errorf("go list: %w", err)}
	}
	binaries, err := os.MkdirTemp("", "report")
	if err != nil {
		return rs, []error{err}
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	measurements := libraryMeasurements
	for path := range strings.FieldsSeq(string(listed)) {
		name := strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
		measurements = append(measurements, measurement{name, path, manners[name]})
	}
	for _, m := range measurements {
		if !o.only.MatchString(m.name) {
			continue
		}
		output, err := m.run(ctx, module, filepath.Join(binaries, "benchmarks.test"), o)
		if err == nil {
			err = rs.read(bytes.NewReader(output))
		}
		if err == nil {
			err = write(rs, failed)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	return rs, failed
}

// run builds the tests of a package and runs its benchmarks, if it has any.
func (m measurement) run(ctx context.Context, module, binary string, o options) ([]byte, error) {
	if err := os.RemoveAll(binary); err != nil {
		return nil, err
	}
	if err := goCommand(ctx, module, "test", "-c", "-o", binary, m.path).Run(); err != nil {
		return nil, fmt.Errorf("go test -c: %w", err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, nil // no tests
	}
	dir, err := goCommand(ctx, module, "list", "-f", "{{.Dir}}", m.path).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	test := func(args ...string) *exec.Cmd {
		command := exec.CommandContext(ctx, binary, args...)
		command.Dir, command.Stderr = strings.TrimSpace(string(dir)), os.Stderr
		return command
	}
	benchmarks, err := test("-test.list", "^Benchmark").Output()
	if err != nil || len(bytes.TrimSpace(benchmarks)) == 0 {
		return nil, err
	}
	count := o.count
	if m.once {
		count = 1
	}
	args := []string{"-test.run", "^$", "-test.bench", cmp.Or(o.bench, m.bench, "."), "-test.count", fmt.Sprint(count), "-test.timeout", "2h"}
	if benchtime := cmp.Or(o.benchtime, m.benchtime); benchtime != "" {
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
