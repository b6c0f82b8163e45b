package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// An about is what must be known to judge results, and to repeat them.
type about struct {
	cpu     string
	cores   int
	system  string
	goes    string // the version of Go
	date    string
	command string
	pinned  []string // "path version" of each module that go.mod requires itself
	failed  []error
}

// inspect returns what can be found out about the machine and the module.
func inspect(ctx context.Context, module string) (about, error) {
	version, err := goCommand(ctx, module, "env", "GOVERSION").Output()
	if err != nil {
		return about{}, fmt.Errorf("go env: %w", err)
	}
	const direct = "{{if not (or .Main .Indirect .Replace)}}{{.Path}} {{.Version}}{{end}}"
	pinned, err := goCommand(ctx, module, "list", "-m", "-f", direct, "all").Output()
	if err != nil {
		return about{}, fmt.Errorf("go list -m: %w", err)
	}
	a := about{
		cores:  runtime.NumCPU(),
		system: system(),
		goes:   strings.TrimSpace(string(version)),
	}
	for line := range strings.Lines(string(pinned)) {
		if line = strings.TrimSpace(line); line != "" {
			a.pinned = append(a.pinned, line)
		}
	}
	return a, nil
}

// system names the operating system, on Linux with its distribution and kernel.
func system() string {
	parts := []string{runtime.GOOS + "/" + runtime.GOARCH}
	if release, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(release)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				parts = append(parts, strings.Trim(name, `"`))
			}
		}
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		parts = append(parts, "kernel "+strings.TrimSpace(string(kernel)))
	}
	return strings.Join(parts, ", ")
}
