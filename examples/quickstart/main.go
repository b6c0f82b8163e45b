// Command quickstart makes a token, logs in with it, and shows what it may do.
// It keeps everything in memory.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	tokens, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		return err
	}
	token, credential, err := tokens.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "ci-build",
		Owner:  "build farm",
		Expiry: time.Now().Add(90 * 24 * time.Hour),
		Scopes: []regtoken.Scope{
			regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push),
			regtoken.RegistryScope("team/*"),
		},
	})
	if err != nil {
		return err
	}
	command, err := credential.DockerLogin("registry.example.com")
	if err != nil {
		return err
	}
	fmt.Printf("Created %s with %v. This is shown once:\n  %s\n\n", token.Name, token.Scopes, command)

	grant, err := tokens.Authenticate(ctx, credential.Login())
	if err != nil {
		return err
	}
	for _, try := range []struct {
		path   string
		action regtoken.Action
	}{
		{"team/app", regtoken.Pull | regtoken.Push},
		{"team/app", regtoken.Admin},
		{"other/app", regtoken.Pull},
		{"team/../other", regtoken.Pull},
		{"team/app", regtoken.List},
	} {
		if err := grant.Authorize(try.path, try.action); err != nil {
			fmt.Println("no: ", err)
			continue
		}
		fmt.Printf("yes: %v on %q\n", try.action, try.path)
	}

	if err := tokens.DeleteToken(ctx, token.ID); err != nil {
		return err
	}
	_, err = tokens.Authenticate(ctx, credential.Login())
	fmt.Printf("\nDeleted. Logging in again: %v\n", err)
	if !errors.Is(err, regtoken.ErrUnauthenticated) {
		return fmt.Errorf("a deleted token logged in: %w", err)
	}
	return nil
}
