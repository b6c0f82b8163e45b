package regtoken

import (
	"fmt"
	"strings"
)

// An Action is something a token may do, or a set of such: Pull|Push is both.
// The zero Action is none, and is never allowed. Its text form is
// "pull,push".
type Action uint8

// The actions. Pull, Push and Admin belong to [RepositoryType] scopes, List to
// [RegistryType] scopes. None implies another.
const (
	Pull  Action = 1 << iota // read artifacts
	Push                     // write artifacts; overwriting a tag is writing
	Admin                    // delete artifacts
	List                     // see the repository in the registry's listing

	allActions = Pull | Push | Admin | List
)

// actionNames is in the one order in which actions are kept and printed.
var actionNames = [...]actionName{
	{Pull, "pull"}, {Push, "push"}, {Admin, "admin"}, {List, "list"},
}

type actionName struct {
	action Action
	name   string
}

// Has reports whether a holds every action of b, and b is not empty.
func (a Action) Has(b Action) bool { return b != 0 && a&b == b }

// String returns the text form, "pull,push"; "none" for the zero Action. Bits
// that are no action are printed as a number.
func (a Action) String() string {
	if a == 0 {
		return "none"
	}
	var names []string
	for _, n := range actionNames {
		if a.Has(n.action) {
			names = append(names, n.name)
		}
	}
	if rest := a &^ allActions; rest != 0 {
		names = append(names, fmt.Sprintf("Action(%#x)", uint8(rest)))
	}
	return strings.Join(names, ",")
}

// ParseAction reads the text form: names from "pull", "push", "admin" and
// "list", joined by commas, in any order, repeated or not. The error is a
// [*ValidationError] of the field "actions".
func ParseAction(text string) (Action, error) {
	a, known := parseActions(text)
	if !known {
		return 0, invalid("actions", ruleActionText)
	}
	return a, nil
}

// MarshalText returns the text form. It fails for the zero Action and for bits
// that are no action.
func (a Action) MarshalText() ([]byte, error) {
	if a == 0 || a&^allActions != 0 {
		return nil, invalid("actions", ruleActionText)
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads the text form as [ParseAction] does.
func (a *Action) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAction(string(text))
	return err
}
