package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

// A store with connections of its own.
func ExampleOpen() {
	ctx := context.Background()
	connString := cluster.URL("") // as postgres://user:password@host/database
	s, err := pgstore.Open(ctx, connString, &pgstore.Options{Schema: "example_open"})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	r := store.Record{ID: uuid.New(), Registry: "eu", Name: "ci-runner", Data: []byte(`{"v": 1}`)}
	r.Rev, err = s.Put(ctx, r)
	if err != nil {
		panic(err)
	}
	if _, err = s.Put(ctx, r); err != nil {
		panic(err)
	}
	_, err = s.Put(ctx, r) // rests on the revision before
	fmt.Println("stale write refused:", errors.Is(err, store.ErrConflict))

	got, err := s.GetByName(ctx, "eu", "ci-runner")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s at revision %d\n", got.Data, got.Rev)

	// Output:
	// stale write refused: true
	// {"v": 1} at revision 2
}

// A store on a pool that the program has anyway.
func ExampleNew() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, cluster.URL(""))
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	s, err := pgstore.New(ctx, pool, &pgstore.Options{Schema: "example_new"})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	page, err := s.List(ctx, store.Query{AllRegistries: true, Limit: 10})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(page.Records), "records")

	// Output:
	// 0 records
}

// Another process writes, and the feed says what.
func ExampleStore_Wait() {
	ctx := context.Background()
	options := &pgstore.Options{Schema: "example_wait"}
	s, err := pgstore.Open(ctx, cluster.URL(""), options)
	if err != nil {
		panic(err)
	}
	defer s.Close()
	after, err := s.Head(ctx)
	if err != nil {
		panic(err)
	}

	other, err := pgstore.Open(ctx, cluster.URL(""), options)
	if err != nil {
		panic(err)
	}
	defer other.Close()
	var writing sync.WaitGroup
	defer writing.Wait() // before Close, which would cut it off
	writing.Go(func() {
		if _, err := other.Put(ctx, store.Record{ID: uuid.New(), Name: "ci-runner"}); err != nil {
			panic(err)
		}
	})

	for {
		if err := s.Wait(ctx, after); err != nil { // it may return early
			panic(err)
		}
		batch, err := s.Changes(ctx, after, 100)
		if err != nil {
			panic(err)
		}
		if len(batch.Changes) > 0 {
			fmt.Println("revision", batch.Changes[0].Rev)
			return
		}
		after = batch.Next
	}

	// Output:
	// revision 1
}
