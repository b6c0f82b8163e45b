package main

import (
	"context"
	"fmt"
	"log"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// welcome takes the host, the folder, the docker login command, the token's
// name, and how clients log in.
const welcome = `
A registry guarded by regtoken listens on %[1]s; its content and its tokens
(tokens.db) are in
%[2]s

Log in (docker 29 needs its engine for that: without one it wants TLS):
  %[3]s

Then try, with an image of your own or one pulled before:
  docker tag alpine %[1]s/team/app:v1
  docker push %[1]s/team/app:v1
  crane ls %[1]s/team/app
  crane catalog %[1]s
  crane delete %[1]s/team/app:v1
or, without logging in (it asks for the password):
  curl --user %[4]s http://%[1]s/v2/_catalog

%[5]s
Every decision, as it is made (Ctrl-C ends):
`

// logins says how clients log in.
func logins(host, name string, basic bool) string {
	if basic {
		return "Clients log in by HTTP Basic alone (-basic): each request shows one login and\nwhat it asked for.\n"
	}
	return fmt.Sprintf(`Clients get a Bearer token for that, unless they send the password right away,
as curl does. What one is asked for is decided when it is given out, and again
when it is used. To see one (it asks for the password):
  curl --user %s "http://%s%s?service=%s&scope=repository:team/app:pull"
`, name, host, registryauth.TokenPath, service)
}

// decisionPrinter returns an observer that prints one line for each event.
// [regtoken.SlogObserver] gives all of it to a log.
func decisionPrinter(out *log.Logger) regtoken.Observer {
	return func(_ context.Context, e regtoken.Event) {
		line := fmt.Sprintf("%-9s %-12s token=%q", e.Outcome, e.Operation, e.TokenName)
		switch {
		case e.Operation == regtoken.OpAuthorize && e.Path == "":
			line += fmt.Sprintf(" %v on the registry", e.Action)
		case e.Operation == regtoken.OpAuthorize:
			line += fmt.Sprintf(" %v on %q", e.Action, e.Path) // quoted: a client may write what it likes
		}
		if len(e.Scopes) > 0 {
			line += fmt.Sprintf(" scopes=%v", e.Scopes)
		}
		if e.Reason != "" {
			line += fmt.Sprintf(" reason=%q", e.Reason)
		}
		if e.Err != nil {
			line += fmt.Sprintf(" error=%q", e.Err)
		}
		out.Print(line)
	}
}
