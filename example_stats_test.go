package regtoken_test

import (
	"context"
	"expvar"
	"fmt"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

// Stats hang on whatever the host program has for metrics; here, expvar of the
// standard library. For Prometheus see examples/registry.
func ExampleManager_Stats() {
	ctx := context.Background()
	tokens, err := regtoken.NewManager(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	expvar.Publish("regtoken", expvar.Func(func() any { return tokens.Stats() }))

	_, credential, err := tokens.CreateToken(ctx, regtoken.TokenSpec{Name: "ci-build"})
	if err != nil {
		panic(err)
	}
	for range 3 {
		if _, err := tokens.Authenticate(ctx, credential.Login()); err != nil {
			panic(err)
		}
	}
	stats := expvar.Get("regtoken").(expvar.Func).Value().(regtoken.Stats)
	fmt.Println("hits:", stats.Hits, "misses:", stats.Misses, "fresh:", stats.Fresh)
	// Output: hits: 2 misses: 1 fresh: true
}
