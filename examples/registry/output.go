package main

import (
	"context"
	"fmt"
	"log"

	"github.com/regtoken/regtoken"
)

// welcome takes the host, the folder, the docker login command and the token's
// name.
const welcome = `
A registry guarded by regtoken listens on %[1]s; its content is in
%[2]s
Tokens are kept in memory in this version: they end with this process.

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

Every decision, as it is made (Ctrl-C ends):
`

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
