package registryauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/registryauth"
)

// A registry that only knows one tag, behind a guard.
func ExampleNewGuard() {
	ctx := context.Background()
	m, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, credential, err := m.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "build-robot",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	if err != nil {
		log.Fatal(err)
	}

	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"name":"team/app","tags":["latest"]}`)
	})
	guard, err := registryauth.NewGuard(registry, m, nil)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(guard)
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
		fmt.Println(answer.StatusCode, string(body))
	}
	get("/v2/team/app/tags/list", credential.Login())
	get("/v2/other/app/tags/list", credential.Login())
	get("/v2/team/app/tags/list", regtoken.Login{})

	// Output:
	// 200 {"name":"team/app","tags":["latest"]}
	// 403 {"errors":[{"code":"DENIED","message":"the token lacks pull on \"other/app\""}]}
	// 401 {"errors":[{"code":"UNAUTHORIZED","message":"a valid login is required"}]}
}
