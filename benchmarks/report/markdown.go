package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"
)

const timeUnit = "sec/op"

// markdown returns all results as a page.
func markdown(a about, rs results) string {
	var page strings.Builder
	write := func(format string, args ...any) { fmt.Fprintf(&page, format, args...) }
	write("# Results\n\nMeasured on %s. To repeat it, in the repository's folder:\n\n    %s\n\n", a.date, a.command)
	write("| | |\n|---|---|\n| processor | %s, %d cores |\n| system | %s |\n| Go | %s |\n\n", a.cpu, a.cores, a.system, a.goes)
	write("Each figure is the median of several runs, ± the range within which the median lies with a confidence of 95%%, ")
	write("as benchstat computes both (no ±: too few runs to say, all alike, or run once, by rounds of its own). “×” is the ratio to %s. ", ours)
	write("What is measured, and what is fair about it: [README](README.md).\n")
	for _, err := range a.failed {
		write("\n**Failed, and missing here: %v.**\n", err)
	}
	for _, pkg := range groupBy(rs.benchmarks, func(b *benchmark) string { return b.pkg }) {
		write("\n## %s\n", pkg.label)
		if plot, ok := plots[pkg.label]; ok {
			write("\n![%s](%s)\n", plot.title, plot.file)
		}
		for _, function := range groupBy(pkg.of, func(b *benchmark) string { return b.base }) {
			write("\n### %s\n", function.label)
			if function.of[0].part("peer") == "" {
				write("\n%s", table(function.of, func(b *benchmark) string { return b.label() }))
				continue
			}
			write("%s", peers(function.of))
		}
	}
	write("\n## Versions\n\n")
	for _, m := range a.pinned {
		write("- %s\n", m)
	}
	return page.String()
}

// peers returns tables with a row for each peer: one for each way to put the
// question.
func peers(all []*benchmark) string {
	var page strings.Builder
	column := numericKey(all)
	for _, asked := range groupBy(all, func(b *benchmark) string { return b.label("peer", column) }) {
		if asked.label != "" {
			fmt.Fprintf(&page, "\n%s\n", strings.ReplaceAll(asked.label, "/", ", "))
		}
		page.WriteByte('\n')
		if column == "" {
			page.WriteString(table(asked.of, func(b *benchmark) string { return b.part("peer") }))
			continue
		}
		page.WriteString(byNumber(asked.of, column))
	}
	return page.String()
}

// byNumber returns a table of times with a column for each value of a part of
// the names, and what is allocated at the last.
func byNumber(all []*benchmark, column string) string {
	values := distinct(all, column)
	head := []string{column}
	for _, v := range values {
		head = append(head, thousands(v))
	}
	last := values[len(values)-1]
	extra := slices.DeleteFunc(units(all), func(u string) bool { return u == timeUnit })
	for _, u := range extra {
		head = append(head, fmt.Sprintf("%s at %s", heading(u), thousands(last)))
	}
	rows := [][]string{head}
	for _, peer := range distinct(all, "peer") {
		row := []string{peer}
		for _, v := range values {
			b := find(all, peer, column, v)
			row = append(row, cell(b, timeUnit)+ratio(b, find(all, ours, column, v), timeUnit))
		}
		for _, u := range extra {
			row = append(row, cell(find(all, peer, column, last), u))
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// find returns a peer's benchmark, with a value of a part of its name if a key
// is given; nil if there is none.
func find(all []*benchmark, peer, key, value string) *benchmark {
	i := slices.IndexFunc(all, func(b *benchmark) bool {
		return b.part("peer") == peer && (key == "" || b.part(key) == value)
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

// table returns a table with a column for each unit, and in the first of these
// the ratio to ours if that is among them.
func table(all []*benchmark, label func(*benchmark) string) string {
	columns := units(all)
	head := []string{""}
	for _, u := range columns {
		head = append(head, heading(u))
	}
	rows := [][]string{head}
	our := find(all, ours, "", "")
	for _, b := range all {
		row := []string{label(b)}
		for _, u := range columns {
			text := cell(b, u)
			if u == columns[0] {
				text += ratio(b, our, u)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return lines(rows)
}

// units returns the units of benchmarks but for those in which all is zero.
func units(all []*benchmark) (found []string) {
	for _, b := range all {
		for _, u := range b.units {
			if !slices.Contains(found, u) && slices.ContainsFunc(b.value[u], func(v float64) bool { return v != 0 }) {
				found = append(found, u)
			}
		}
	}
	return found
}

// heading names a unit over its column: "time/op", where the values say
// themselves that they are nanoseconds.
func heading(unit string) string {
	words := strings.FieldsFunc(unit, func(r rune) bool { return r == '/' || r == '-' })
	if !slices.Contains(words, "sec") {
		return unit
	}
	return strings.Replace(unit, "sec", "time", 1)
}

// cell returns a median with its range.
func cell(b *benchmark, unit string) string {
	if b == nil {
		return ""
	}
	s, ok := b.summary(unit)
	if !ok {
		return ""
	}
	text := benchunit.Scale(s.Center, benchunit.ClassOf(unit))
	if heading(unit) != unit {
		text = duration(s.Center)
	}
	if len(b.value[unit]) == 1 || s.Lo == s.Hi {
		return text
	}
	if r := s.PctRangeString(); r != "∞" {
		text += " ±" + r
	}
	return text
}

// ratio returns how many times ours a peer's median is.
func ratio(b, our *benchmark, unit string) string {
	if b == nil || our == nil || b == our {
		return ""
	}
	theirs, ok := b.summary(unit)
	base, ourOK := our.summary(unit)
	if !ok || !ourOK || base.Center == 0 {
		return ""
	}
	return fmt.Sprintf(" · %s×", significant(theirs.Center/base.Center))
}

// duration writes seconds as people read them.
func duration(seconds float64) string {
	if seconds < 0 { // of a difference
		return "-" + duration(-seconds)
	}
	for _, u := range []struct {
		name string
		of   float64
	}{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}} {
		if seconds >= u.of {
			return significant(seconds/u.of) + " " + u.name
		}
	}
	return significant(seconds/1e-9) + " ns"
}

// significant writes a number with two or three digits that count, or all
// before the point.
func significant(f float64) string {
	switch {
	case f >= 1000:
		return thousands(fmt.Sprintf("%.0f", f))
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 0.1:
		return fmt.Sprintf("%.2f", f)
	default:
		return strconv.FormatFloat(f, 'g', 2, 64)
	}
}

// lines writes a table, the first row being its head.
func lines(rows [][]string) string {
	var page strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&page, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&page, "|---%s\n", strings.Repeat("|---:", len(row)-1)+"|")
		}
	}
	return page.String()
}
