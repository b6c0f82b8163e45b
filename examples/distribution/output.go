package main

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/regtoken/regtoken"
)

// welcomeText takes the registry's host, the token server's URL, the
// configuration file, the docker login command, the token's name and the
// service.
const welcomeText = `
A stock distribution registry listens on %[1]s, with the configuration
%[3]s
Its token server is %[2]s
Tokens are kept in memory in this version: they end with this process.

Log in (docker 29 needs its engine for that: without one it wants TLS):
  %[4]s

Then try, with an image of your own or one pulled before:
  docker tag alpine %[1]s/team/app:v1
  docker push %[1]s/team/app:v1
  crane ls %[1]s/team/app
  crane catalog %[1]s
  crane delete %[1]s/team/app:v1
or, without logging in (it asks for the password), see a JWT:
  curl --user %[5]s "%[2]s?service=%[6]s&scope=repository:team/app:pull"

Every decision, as it is made (Ctrl-C ends):
`

// welcome says what there is and what to do with it.
func welcome(stdout io.Writer, host, tokenURL, config string, credential regtoken.Credential) error {
	login, err := credential.DockerLogin(host)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, welcomeText, host, tokenURL, config, login, credential.Name, service)
	return err
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
