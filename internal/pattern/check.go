package pattern

import (
	"fmt"
	"strings"
)

// A Fault is a rule that a text breaks, and where.
type Fault struct {
	Offset int // of the byte at fault
	Rule   string
}

// Error implements error. It does not repeat the text, which may be a secret
// pasted into the wrong field.
func (f Fault) Error() string { return fmt.Sprintf("%s (at byte %d)", f.Rule, f.Offset) }

// The rules of a path pattern, in the words an error gives.
const (
	ruleEmpty    = "must not be empty; * alone stands for every repository"
	ruleLength   = "must be at most 255 bytes"
	ruleAlphabet = "may hold only a-z, 0-9, '.', '_', '-', '/' and '*'"
	ruleLeading  = "must not begin with '/'"
	ruleTrailing = "must not end with '/'"
	ruleDouble   = "must not hold '//'"
	ruleStars    = "must not hold '**'; one '*' already spans '/'"
	ruleMatch    = "must be able to match a repository name of the OCI distribution specification"
)

// Check returns all faults of text as a path pattern, one for each rule it
// breaks, at the first place it does; none means that Compile takes it.
func Check(text string) []Fault {
	if text == "" {
		return []Fault{{0, ruleEmpty}}
	}
	var faults []Fault
	add := func(offset int, rule string) {
		if offset >= 0 {
			faults = append(faults, Fault{offset, rule})
		}
	}
	if len(text) > MaxLength {
		add(MaxLength, ruleLength)
	}
	add(indexForeign(text), ruleAlphabet)
	if text[0] == '/' {
		add(0, ruleLeading)
	}
	if len(text) > 1 && text[len(text)-1] == '/' {
		add(len(text)-1, ruleTrailing)
	}
	add(strings.Index(text, "//"), ruleDouble)
	add(strings.Index(text, "**"), ruleStars)
	if len(faults) == 0 {
		add(indexUnmatchable(text), ruleMatch)
	}
	return faults
}

// indexForeign returns the first byte outside the alphabet, or -1.
func indexForeign(text string) int {
	for i := range len(text) {
		switch b := text[i]; {
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '.', b == '_', b == '-', b == '/', b == '*':
		default:
			return i
		}
	}
	return -1
}

// indexUnmatchable returns -1 if some repository name matches text, else the
// place from which on none can. It walks the name grammar with the pattern and
// keeps the states that are possible so far. The length needs no watching: a
// star takes a byte of the pattern, and never needs more than one letter.
func indexUnmatchable(text string) int {
	possible := [states]bool{stateStart: true}
	for i := range len(text) {
		var after [states]bool
		for from, ok := range possible {
			switch {
			case !ok:
			case text[i] == '*': // some run of bytes leads from any state to any other
				after = [states]bool{true, true, true, true, true, true}
			case next[from][text[i]] != stateNone:
				after[next[from][text[i]]] = true
			}
		}
		if possible = after; possible == [states]bool{} {
			return i
		}
	}
	if !possible[stateWord] {
		return len(text) - 1
	}
	return -1
}
