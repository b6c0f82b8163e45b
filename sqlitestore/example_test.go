package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/sqlitestore"
)

// Tokens outlive the process.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	var login regtoken.Login
	for run := range 2 {
		s, err := sqlitestore.Open(ctx, filepath.Join(dir, "tokens.db"), nil)
		if err != nil {
			panic(err)
		}
		m, err := regtoken.NewManager(s, nil)
		if err != nil {
			panic(err)
		}
		if run == 0 {
			token, credential, err := m.CreateToken(ctx, regtoken.TokenSpec{Name: "ci-runner"})
			if err != nil {
				panic(err)
			}
			login = regtoken.Login{Name: token.Name, Password: credential.Password}
		}
		_, err = m.Authenticate(ctx, login)
		fmt.Printf("run %d: logged in: %t\n", run, err == nil)
		if err := s.Close(); err != nil {
			panic(err)
		}
	}

	// Output:
	// run 0: logged in: true
	// run 1: logged in: true
}

// The program's own database, opened with its own driver, takes the tokens in.
func ExampleNew() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+
		"?_busy_timeout=5000&_journal_mode=WAL&_synchronous=NORMAL")
	if err != nil {
		panic(err)
	}
	defer db.Close()

	s, err := sqlitestore.New(ctx, db, nil)
	if err != nil {
		panic(err)
	}
	defer s.Close()
	m, err := regtoken.NewManager(s, nil)
	if err != nil {
		panic(err)
	}
	scope, err := regtoken.ParseScope("repository:team/*:pull")
	if err != nil {
		panic(err)
	}
	_, _, err = m.CreateToken(ctx, regtoken.TokenSpec{Name: "ci-runner", Scopes: []regtoken.Scope{scope}})
	if err != nil {
		panic(err)
	}

	var name, scopes string
	err = db.QueryRowContext(ctx, `SELECT name, data -> '$.scopes' FROM regtoken_view`).Scan(&name, &scopes)
	if err != nil {
		panic(err)
	}
	fmt.Println(name, scopes)

	// Output:
	// ci-runner ["repository:team/*:pull"]
}
