package registryauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

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

// A token server for registries that verify by themselves. A stock
// distribution registry has in its configuration file:
//
//	auth:
//	  token:
//	    realm: https://auth.example.com/token
//	    issuer: https://auth.example.com
//	    service: registry.example.com
//	    jwks: /etc/registry/jwks.json
func ExampleNewTokenServer() {
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

	// Outside of an example the keys come from OpenSigningKeys, and their
	// WriteJWKS writes the registry's file.
	tokens, err := registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{
		Issuer:  "https://auth.example.com",
		Service: "registry.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/token", tokens)
	mux.Handle("/jwks", tokens.JWKS())

	// What docker push does.
	request := httptest.NewRequest(http.MethodGet, "/token?service=registry.example.com&scope=repository:team/app:pull,push", nil)
	login := credential.Login()
	request.SetBasicAuth(login.Name, login.Password.Reveal())
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)

	var body struct{ Token string }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		log.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(body.Token, ".")[1])
	if err != nil {
		log.Fatal(err)
	}
	var claims struct{ Access json.RawMessage }
	if err := json.Unmarshal(payload, &claims); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Code, string(claims.Access))

	// Output:
	// 200 [{"type":"repository","name":"team/app","actions":["pull"]}]
}

// A guard that takes Bearer tokens: it serves its token server itself.
func ExampleNewGuard_bearer() {
	ctx := context.Background()
	m, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	token, credential, err := m.CreateToken(ctx, regtoken.TokenSpec{
		Name:   "build-robot",
		Scopes: []regtoken.Scope{regtoken.RepositoryScope("team/*", regtoken.Pull)},
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := registryauth.NewTokenServer(m, &registryauth.TokenServerOptions{
		Issuer:  "https://registry.example.com",
		Service: "registry.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"name":"team/app","tags":["latest"]}`)
	})
	guard, err := registryauth.NewGuard(registry, m, &registryauth.GuardOptions{TokenServer: tokens})
	if err != nil {
		log.Fatal(err)
	}

	ask := func(target string, authenticate func(*http.Request)) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, target, nil)
		authenticate(request)
		answer := httptest.NewRecorder()
		guard.ServeHTTP(answer, request)
		return answer
	}
	const tags = "https://registry.example.com/v2/team/app/tags/list"
	answer := ask(tags, func(*http.Request) {})
	fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"))

	answer = ask("https://registry.example.com/token?service=registry.example.com&scope=repository:team/app:pull", func(r *http.Request) {
		r.SetBasicAuth(credential.Name, credential.Password.Reveal())
	})
	var body struct{ Token string }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		log.Fatal(err)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+body.Token) }
	answer = ask(tags, bearer)
	fmt.Println(answer.Code, answer.Body)

	// Revoking does not wait for the end of what was given out.
	if err := m.DeleteToken(ctx, token.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ask(tags, bearer).Code)

	// Output:
	// 401 Bearer realm="https://registry.example.com/token",service="registry.example.com",scope="repository:team/app:pull"
	// 200 {"name":"team/app","tags":["latest"]}
	// 401
}
