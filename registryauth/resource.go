package registryauth

import (
	"strings"

	"github.com/regtoken/regtoken"
)

// maxScopes bounds the scopes that one token request may name, and with it the
// size of a JWT: see maxAuthorization.
const maxScopes = 100

// The resources of Docker's registry token authentication that exist here, and
// the scope that stands for the registry's listing.
const (
	repositoryType = "repository"
	registryType   = "registry"
	catalogName    = "catalog"
	allOfThem      = "*"
	catalogScope   = registryType + ":" + catalogName + ":" + allOfThem
)

const allRepositoryActions = regtoken.Pull | regtoken.Push | regtoken.Admin

// The names of actions on the wire, in the order in which they are written.
var wireActions = [...]struct {
	action regtoken.Action
	name   string
}{
	{regtoken.Pull, "pull"}, {regtoken.Push, "push"}, {regtoken.Admin, "delete"},
}

// namesOf returns the actions by their names on the wire.
func namesOf(a regtoken.Action) []string {
	var names []string
	for _, w := range wireActions {
		if a.Has(w.action) {
			names = append(names, w.name)
		}
	}
	return names
}

// actionNamed returns the action of a name on the wire, 0 for what is none.
func actionNamed(name string) regtoken.Action {
	for _, w := range wireActions {
		if w.name == name {
			return w.action
		}
	}
	return 0
}

// A wish is what a client asks a token server for.
type wish struct {
	repositories []access // each repository once, in the order asked
	catalog      bool
}

// parseScopes reads the values of scope parameters, each of which may hold
// several scopes with spaces between them. What could be granted to nobody (a
// type, a class or an action there is not) is left out, so that the client
// gets the rest. It reports false if there are too many.
func parseScopes(values []string) (wish, bool) {
	var w wish
	index := make(map[string]int) // of each repository
	scopes := 0
	for _, value := range values {
		for scope := range strings.SplitSeq(value, " ") {
			if scope == "" {
				continue
			}
			if scopes++; scopes > maxScopes {
				return wish{}, false
			}
			resource, actions := cutLastColon(scope)
			kind, name, ok := strings.Cut(resource, ":")
			if !ok {
				continue
			}
			asked, all := parseActions(actions)
			switch {
			case kind == registryType && name == catalogName:
				w.catalog = w.catalog || all
			case kind == repositoryType && asked != 0:
				i, ok := index[name]
				if !ok {
					i = len(w.repositories)
					index[name] = i
					w.repositories = append(w.repositories, access{repository: name})
				}
				w.repositories[i].actions |= asked
			}
		}
	}
	return w, true
}

// cutLastColon cuts a scope into its resource and its actions. A name may hold
// colons; actions do not.
func cutLastColon(scope string) (resource, actions string) {
	i := strings.LastIndexByte(scope, ':')
	return scope[:max(i, 0)], scope[i+1:]
}

// parseActions reads the actions of a scope, and whether "*" is among them,
// which is all the actions there are.
func parseActions(text string) (actions regtoken.Action, all bool) {
	for name := range strings.SplitSeq(text, ",") {
		if name == allOfThem {
			actions, all = allRepositoryActions, true
		}
		actions |= actionNamed(name)
	}
	return actions, all
}

// scopeOf returns the scopes to ask a token server for, to do what is
// demanded. A mount's source that is no repository name is left out: nobody
// may pull from it, and it could be made to look like more of the challenge.
func (d demand) scopeOf() string {
	if d.endpoint == catalog {
		return catalogScope
	}
	var order []string
	needs := make(map[string]regtoken.Action)
	for _, a := range d.accesses {
		if !isName(a.repository) {
			continue
		}
		if needs[a.repository] == 0 {
			order = append(order, a.repository)
		}
		needs[a.repository] |= a.actions
	}
	scopes := make([]string, len(order))
	for i, name := range order {
		scopes[i] = repositoryType + ":" + name + ":" + strings.Join(namesOf(needs[name]), ",")
	}
	return strings.Join(scopes, " ")
}
