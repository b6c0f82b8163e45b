package distributionauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
	"github.com/regtoken/regtoken/memstore"
)

// A registry within a program of one's own.
func Example() {
	ctx := context.Background()
	manager, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, credential, err := manager.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "build-robot",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	if err != nil {
		log.Fatal(err)
	}

	app := handlers.NewApp(ctx, &configuration.Configuration{
		Storage: configuration.Storage{"inmemory": nil},
		Auth:    distributionauth.Auth(manager, nil),
	})
	defer func() { _ = app.Shutdown() }()
	server := httptest.NewServer(distributionauth.Handler(app))
	defer server.Close()

	get := func(path string, login regtoken.Login) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			log.Fatal(err)
		}
		if login.Name != "" {
			request.SetBasicAuth(login.Name, login.Password.Reveal())
		}
		answer, err := server.Client().Do(request)
		if err != nil {
			log.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			log.Fatal(err)
		}
		switch answer.StatusCode {
		case http.StatusUnauthorized:
			fmt.Println(answer.Status, answer.Header.Get("WWW-Authenticate"))
		case http.StatusForbidden:
			fmt.Println(answer.Status, string(body))
		default:
			fmt.Println(answer.Status)
		}
	}
	get("/v2/", credential.Login())
	get("/v2/team/app/tags/list", credential.Login()) // there is no such repository
	get("/v2/other/app/tags/list", credential.Login())
	get("/v2/", regtoken.Login{})

	// Output:
	// 200 OK
	// 404 Not Found
	// 403 Forbidden {"errors":[{"code":"DENIED","message":"the token lacks pull on \"other/app\""}]}
	// 401 Unauthorized Basic realm="regtoken"
}
