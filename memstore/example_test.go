package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// A write says which revision it rests on; the feed says what was written.
func Example() {
	ctx := context.Background()
	s := memstore.New()
	defer s.Close()
	start, err := s.Head(ctx)
	if err != nil {
		panic(err)
	}

	r := store.Record{ID: uuid.New(), Registry: "eu", Name: "ci-runner", Data: []byte("v1")}
	r.Rev, err = s.Put(ctx, r)
	if err != nil {
		panic(err)
	}
	stale := r
	r.Data = []byte("v2")
	if _, err = s.Put(ctx, r); err != nil {
		panic(err)
	}
	_, err = s.Put(ctx, stale)
	fmt.Println("stale write refused:", errors.Is(err, store.ErrConflict))

	got, err := s.GetByName(ctx, "eu", "ci-runner")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s at revision %d\n", got.Data, got.Rev)

	batch, err := s.Changes(ctx, start, 10)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d changes, caught up: %t\n", len(batch.Changes), batch.CaughtUp)

	// Output:
	// stale write refused: true
	// v2 at revision 2
	// 2 changes, caught up: true
}
