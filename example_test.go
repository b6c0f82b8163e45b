package regtoken_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func Example() {
	ctx := context.Background()
	tokens, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	token, credential, err := tokens.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "ci-build",
		Expiry: time.Now().Add(90 * 24 * time.Hour),
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push)},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(token.Name, token.Status, token.Scopes)

	// Later, when a client presents the name and the password:
	login := regtoken.Login{Name: "ci-build", Password: regtoken.NewPassword(credential.Password.Reveal())}
	grant, err := tokens.Authenticate(ctx, login)
	if err != nil {
		panic(err) // regtoken.ErrUnauthenticated: answer 401; regtoken.ErrUnavailable: 503
	}
	fmt.Println(grant.Authorize("team/app", regtoken.Push))
	fmt.Println(grant.Authorize("team/app", regtoken.Admin))
	// Output:
	// ci-build enabled [repository:team/*:pull,push]
	// <nil>
	// regtoken: denied: admin on "team/app": matching scopes lack the action
}

// A unit test of code that uses tokens needs no fake: the store in memory is
// the real thing, and the clock is an option.
func ExampleOptions_now() {
	ctx := context.Background()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tokens, err := regtoken.NewManager(memstore.New(), &regtoken.Options{Now: func() time.Time { return now }})
	if err != nil {
		panic(err)
	}
	_, credential, err := tokens.CreateToken(ctx, regtoken.TokenSpec{Name: "nightly", Expiry: now.Add(time.Hour)})
	if err != nil {
		panic(err)
	}
	_, err = tokens.Authenticate(ctx, credential.Login())
	fmt.Println(err)

	now = now.Add(time.Hour)
	_, err = tokens.Authenticate(ctx, credential.Login())
	fmt.Println(err)
	// Output:
	// <nil>
	// regtoken: unauthenticated
}

func ExampleManager_Registry() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	token, _, _ := tokens.Registry("staging").CreateToken(ctx, regtoken.TokenSpec{Name: "ci-build"})

	_, err := tokens.Registry("production").Token(ctx, token.ID)
	fmt.Println(err)
	// Output: regtoken: token not found
}

func ExampleManager_CreateToken_invalid() {
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	_, _, err := tokens.CreateToken(context.Background(), regtoken.TokenSpec{
		Name:   "CI",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/**", regtoken.Push)},
	})
	var invalid *regtoken.ValidationError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Fields() {
			fmt.Printf("%s: %s\n", fault.Field, fault.Rule)
		}
	}
	// Output:
	// name: must have 3 to 63 bytes
	// name: must begin with a letter a-z
	// scopes[0].path: must not hold '**'; one '*' already spans '/' (at byte 5)
	// scopes[0].actions: must hold "pull" where they hold "push"
}

func ExampleManager_EditToken() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	token, credential, _ := tokens.CreateToken(ctx, regtoken.TokenSpec{Name: "ci-build", Expiry: time.Now().Add(2 * time.Hour)})

	token, _ = tokens.EditToken(ctx, token.ID, regtoken.Edit{Status: regtoken.Disabled, Expiry: regtoken.ClearExpiry()})
	fmt.Println(token.Status, token.ExpiresAt.IsZero())
	_, err := tokens.Authenticate(ctx, credential.Login())
	fmt.Println(err)
	// Output:
	// disabled true
	// regtoken: unauthenticated
}

func ExampleManager_RotateSecret() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	token, before, _ := tokens.CreateToken(ctx, regtoken.TokenSpec{Name: "deploy"})

	after, _ := tokens.RotateSecret(ctx, token.ID, 24*time.Hour) // both are good for a day
	_, err := tokens.Authenticate(ctx, before.Login())
	fmt.Println("old:", err)
	_, err = tokens.Authenticate(ctx, after.Login())
	fmt.Println("new:", err)

	_, _ = tokens.RetireOldSecret(ctx, token.ID) // everyone has the new one by now
	_, err = tokens.Authenticate(ctx, before.Login())
	fmt.Println("old:", err)
	// Output:
	// old: <nil>
	// new: <nil>
	// old: regtoken: unauthenticated
}

func ExampleManager_AddScopes() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	token, _, _ := tokens.CreateToken(ctx, regtoken.TokenSpec{Name: "mirror"})

	token, _ = tokens.AddScopes(ctx, token.ID,
		regtoken.RepositoryScope("mirror/*", regtoken.Pull),
		regtoken.RegistryScope("mirror/*"),
	)
	fmt.Println(token.Scopes)
	token, _ = tokens.RemoveScope(ctx, token.ID, regtoken.RegistryScope("mirror/*"))
	fmt.Println(token.Scopes)
	// Output:
	// [repository:mirror/*:pull registry:mirror/*:list]
	// [repository:mirror/*:pull]
}

func ExampleManager_Tokens() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	for _, name := range []string{"ci-test", "ci-build", "deploy"} {
		_, _, _ = tokens.CreateToken(ctx, regtoken.TokenSpec{Name: name})
	}
	for token, err := range tokens.Tokens(ctx, regtoken.Filter{NamePrefix: "ci-"}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(token.Name)
	}
	// Output:
	// ci-build
	// ci-test
}

func ExampleManager_Run() {
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	// Beside the server, in a goroutine of its own, for as long as it runs.
	fmt.Println(tokens.Run(ctx))
	// Output: <nil>
}

func ExampleGrant_Explain() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	_, credential, _ := tokens.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "reader",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	grant, _ := tokens.Authenticate(ctx, credential.Login())
	for _, path := range []string{"team/app", "other/app", "team/../other"} {
		d := grant.Explain(path, regtoken.Pull)
		fmt.Printf("%t %v %q\n", d.Allowed, d.Scopes, d.Reason)
	}
	// Output:
	// true [repository:team/*:pull] ""
	// false [] "no scope matches the path"
	// false [] "path is no repository name"
}

func ExampleManager_Authorize() {
	ctx := context.Background()
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	_, credential, _ := tokens.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "reader",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("*", regtoken.Pull)},
	})
	err := tokens.Authorize(ctx, credential.Login(), "team/app", regtoken.Push)
	fmt.Println(errors.Is(err, regtoken.ErrDenied), errors.Is(err, regtoken.ErrUnauthenticated))
	// Output: true false
}

func ExampleParseScope() {
	scope, err := regtoken.ParseScope("repository:team/*:push,pull")
	fmt.Println(scope.Path, scope.Actions, err)
	fmt.Println(scope == regtoken.RepositoryScope("team/*", regtoken.Pull|regtoken.Push))
	// Output:
	// team/* pull,push <nil>
	// true
}

func ExampleCredential_DockerLogin() {
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	_, credential, _ := tokens.CreateToken(context.Background(), regtoken.TokenSpec{Name: "ci-build"})
	fmt.Println("never by accident:", credential.Password)

	line, _ := credential.DockerLogin("registry.example.com")
	fmt.Println(len(line) > 0)
	// Output:
	// never by accident: [redacted]
	// true
}

func ExampleSlogObserver() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	tokens, _ := regtoken.NewManager(memstore.New(), &regtoken.Options{
		Now:       func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
		Observers: []regtoken.Observer{regtoken.SlogObserver(logger)},
	})
	ctx := regtoken.WithActor(context.Background(), "192.0.2.7")
	_, _ = tokens.Authenticate(ctx, regtoken.Login{Name: "ci-build"})
	// Output: time=2026-01-01T00:00:00.000Z level=WARN msg=regtoken operation=authenticate outcome=denied registry="" actor=192.0.2.7 token=ci-build reason="malformed secret"
}

func ExampleFindSecrets() {
	tokens, _ := regtoken.NewManager(memstore.New(), nil)
	_, credential, _ := tokens.CreateToken(context.Background(), regtoken.TokenSpec{Name: "leaked"})
	text := "password = " + credential.Password.Reveal() + " # oops"
	for _, span := range regtoken.FindSecrets(text) {
		fmt.Println(text[:span[0]] + "***" + text[span[1]:])
	}
	// Output: password = *** # oops
}
