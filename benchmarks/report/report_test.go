package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded is the output of some runs: peers with a number and without, plain
// benchmarks with units of their own, and some that were run only once.
func recorded(t *testing.T) (rs results) {
	file, err := os.Open("testdata/output.txt")
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, rs.read(file))
	return rs
}

func TestMarkdown(t *testing.T) {
	a := about{
		cpu: "A processor", cores: 2, system: "linux/amd64", goes: "go1.26.0", date: "2026-03-01",
		command: "go run ./benchmarks/report -count 6",
		pinned:  []string{"example.com/peer v1.2.3"},
		failed:  []error{errors.New("frontend: exit status 1")},
	}
	got := markdown(a, recorded(t))
	golden := filepath.Join("testdata", "results.golden.md")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestPlot(t *testing.T) {
	rs := recorded(t)
	dir := t.TempDir()
	require.Empty(t, writePlots(dir, rs))
	svg, err := os.ReadFile(filepath.Join(dir, "decision.svg"))
	require.NoError(t, err)
	for _, text := range []string{"regtoken", "slow-peer (loop)", ">1,000<", ">100 ns<", ">1 ms<"} {
		require.Contains(t, string(svg), text)
	}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err = decoder.Token(); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, io.EOF)
}

func TestPlotOfNothing(t *testing.T) {
	var rs results
	require.NoError(t, rs.read(strings.NewReader("pkg: "+modulePath+"/decision\nBenchmarkDecision/shape=exact/rules=1/peer=regtoken/case=miss 1 5 ns/op\n")))
	require.Len(t, writePlots(t.TempDir(), rs), 1)
}

func TestReadRefusesWhatIsNoResult(t *testing.T) {
	var rs results
	require.Error(t, rs.read(strings.NewReader("BenchmarkDecision 1 five ns/op\n")))
}

func TestShellWord(t *testing.T) {
	for arg, want := range map[string]string{"-count": "-count", "100ms": "100ms", "a|b": "'a|b'", "it's": `'it'\''s'`, "": "''"} {
		require.Equal(t, want, shellWord(arg))
	}
}

func TestNumbers(t *testing.T) {
	for seconds, want := range map[float64]string{
		1.5e-9: "1.50 ns", 45.678e-9: "45.7 ns", 999e-9: "999 ns", 1e-6: "1.00 µs", 0.0123: "12.3 ms", 12.34: "12.3 s", 0.25e-9: "0.25 ns",
	} {
		require.Equal(t, want, duration(seconds))
	}
	for digits, want := range map[string]string{"1": "1", "999": "999", "1000": "1,000", "1002003": "1,002,003", "x": "x"} {
		require.Equal(t, want, thousands(digits))
	}
	for seconds, want := range map[float64]string{1e-9: "1 ns", 1e-8: "10 ns", 1e-7: "100 ns", 1e-6: "1 µs", 1e-4: "100 µs", 1e-3: "1 ms", 1: "1 s", 10: "10 s"} {
		require.Equal(t, want, axisDuration(seconds))
	}
}
