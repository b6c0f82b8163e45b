package matrix

import (
	"fmt"
	"slices"
	"strings"
)

const preface = `# Clients and registries

What each client sees in each arrangement of a registry with regtoken, as
` + "`go test ./interop/matrix`" + ` runs it with the real ones: what it should see / what it saw.
"done" stands for an operation that the client says it did and that had its effect,
"401" and "403" for a refusal that the client tells as such ("unauthorized", "denied"),
after which the registry is as it was.
Each operation comes first with a token that has just the rights it needs.
This file is written by ` + "`go test ./interop/matrix -update`" + `; the test fails where the two differ.

## Arrangements
`

const realms = `
These clients refuse a token server at a private address, if that is not the registry's own,
before they send it a password (TestPrivateRealms). A guard serves its own on the registry's origin.
`

// render returns the matrix as Markdown, with what seen says.
func render(seen func(client, arrangement, row) outcome) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, a := range arrangements {
		fmt.Fprintf(&b, "- **%s**: %s\n", a.name, a.about)
	}
	b.WriteString(realms)
	for _, c := range clients {
		if c.refusesRealms != "" {
			fmt.Fprintf(&b, "- %s\n", c.name)
		}
	}
	for _, c := range clients {
		c.render(&b, seen)
	}
	return b.String()
}

func (c client) render(b *strings.Builder, seen func(client, arrangement, row) outcome) {
	fmt.Fprintf(b, "\n## %s\n%s.\n\n| step |", c.name, c.about)
	for _, a := range arrangements {
		fmt.Fprintf(b, " %s |", a.name)
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" --- |", len(arrangements)))
	var notes notes
	for _, r := range script {
		fmt.Fprintf(b, "| %s |", r.name)
		for _, a := range arrangements {
			fmt.Fprintf(b, " %s |", c.renderCell(a, r, &notes, seen))
		}
		b.WriteString("\n")
	}
	for i, note := range notes {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "%d. %s\n", i+1, note)
	}
}

func (c client) renderCell(a arrangement, r row, n *notes, seen func(client, arrangement, row) outcome) string {
	if name := c.lacks(r); name != "" {
		return fmt.Sprintf("cannot (%d)", n.number(name+": "+c.cannot[name]))
	}
	text := fmt.Sprintf("%s / %s", expected(c, a, r), seen(c, a, r))
	if e := c.exception(a, r); e != nil {
		text += fmt.Sprintf(" (%d)", n.number(e.why))
	}
	return text
}

// notes are the texts below a table.
type notes []string

// number returns a note's number, and adds the note if it is new.
func (n *notes) number(note string) int {
	if i := slices.Index(*n, note); i >= 0 {
		return i + 1
	}
	*n = append(*n, note)
	return len(*n)
}
