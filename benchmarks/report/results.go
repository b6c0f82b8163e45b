package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// ours is the peer that others are compared with.
const ours = "regtoken"

// results are the benchmarks in the order in which they were first measured.
type results struct {
	cpu        string
	benchmarks []*benchmark
}

// A benchmark is all that was measured under one name.
type benchmark struct {
	pkg   string // its path in the module
	base  string // "Decision"
	parts []part // of the rest of its name
	units []string
	value map[string][]float64 // by unit, in base units: seconds, bytes
}

// A part of a benchmark's name: "rules=100", or "alone" with no key.
type part struct{ key, value string }

// read adds the output of a run.
func (rs *results) read(output io.Reader) error {
	reader := benchfmt.NewReader(output, "output")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			rs.cpu = record.GetConfig("cpu")
			b := rs.find(record)
			for _, v := range record.Values {
				b.add(v.Unit, v.Value)
			}
		case *benchfmt.SyntaxError:
			return record
		}
	}
	return reader.Err()
}

func (rs *results) find(record *benchfmt.Result) *benchmark {
	base, rest := record.Name.Parts()
	b := &benchmark{
		pkg:   strings.TrimPrefix(record.GetConfig("pkg"), modulePath+"/"),
		base:  string(base),
		value: map[string][]float64{},
	}
	for _, p := range rest {
		text, isPart := strings.CutPrefix(string(p), "/")
		if !isPart {
			continue // "-2": how many processors, the same for all
		}
		key, value, hasKey := strings.Cut(strings.ReplaceAll(text, "_(", " ("), "=")
		if !hasKey {
			key, value = "", key
		}
		b.parts = append(b.parts, part{key, value})
	}
	for _, known := range rs.benchmarks {
		if known.pkg == b.pkg && known.name() == b.name() {
			return known
		}
	}
	rs.benchmarks = append(rs.benchmarks, b)
	return b
}

func (b *benchmark) add(unit string, value float64) {
	if b.value[unit] == nil {
		b.units = append(b.units, unit)
	}
	b.value[unit] = append(b.value[unit], value)
}

// name returns the whole name but for "Benchmark".
func (b *benchmark) name() string { return b.base + "/" + b.label() }

// label returns the name but for what all of the same function share.
func (b *benchmark) label(but ...string) string {
	var words []string
	for _, p := range b.parts {
		switch {
		case slices.Contains(but, p.key) && p.key != "":
		case p.key == "":
			words = append(words, p.value)
		default:
			words = append(words, p.key+"="+p.value)
		}
	}
	return strings.Join(words, "/")
}

// part returns the value of a part of the name, "" if there is none.
func (b *benchmark) part(key string) string {
	i := slices.IndexFunc(b.parts, func(p part) bool { return p.key == key })
	if i < 0 {
		return ""
	}
	return b.parts[i].value
}

// summary returns the median of what was measured in a unit and its range, as
// benchstat computes them.
func (b *benchmark) summary(unit string) (s benchmath.Summary, ok bool) {
	values, ok := b.value[unit]
	if !ok {
		return s, false
	}
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95), true
}

// A group of benchmarks goes into one table.
type group struct {
	label string
	of    []*benchmark
}

// groupBy splits benchmarks by a label, in the order in which labels come up.
func groupBy(all []*benchmark, label func(*benchmark) string) (groups []group) {
	for _, b := range all {
		l := label(b)
		i := slices.IndexFunc(groups, func(g group) bool { return g.label == l })
		if i < 0 {
			i, groups = len(groups), append(groups, group{label: l})
		}
		groups[i].of = append(groups[i].of, b)
	}
	return groups
}

// distinct returns the different values of a part of the names, in order.
func distinct(all []*benchmark, key string) (values []string) {
	for _, g := range groupBy(all, func(b *benchmark) string { return b.part(key) }) {
		values = append(values, g.label)
	}
	return values
}

// numericKey returns the key of the one part whose values are different
// numbers, "" if there is none.
func numericKey(all []*benchmark) string {
	for _, p := range all[0].parts {
		values := distinct(all, p.key)
		numeric := !slices.ContainsFunc(values, func(v string) bool {
			_, err := strconv.Atoi(v)
			return err != nil
		})
		if p.key != "" && numeric && len(values) > 1 {
			return p.key
		}
	}
	return ""
}

// thousands writes a number as people read it: 10,000.
func thousands(digits string) string {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1000 {
		return digits
	}
	return fmt.Sprintf("%s,%03d", thousands(strconv.Itoa(n/1000)), n%1000)
}
