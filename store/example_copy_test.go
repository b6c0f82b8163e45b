package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

// Moving to another store: once while the old one is in use, and once more when
// nothing writes to it any longer.
func ExampleCopy() {
	ctx := context.Background()
	old, durable := memstore.New(), memstore.New()
	for _, name := range []string{"ci-build", "ci-deploy"} {
		if _, err := old.Put(ctx, store.Record{ID: uuid.New(), Name: name}); err != nil {
			panic(err)
		}
	}

	report, err := store.Copy(ctx, durable, old, &store.CopyOptions{
		Progress: func(r store.CopyReport) { fmt.Printf("%s: %d read\n", r.Phase, r.Read) },
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d created, %d replaced, %d deleted\n", report.Created, report.Replaced, report.Deleted)

	// Meanwhile, at the old store:
	if _, err := old.Put(ctx, store.Record{ID: uuid.New(), Name: "nightly"}); err != nil {
		panic(err)
	}
	_, err = store.Copy(ctx, durable, old, nil)
	fmt.Println("differs:", errors.Is(err, store.ErrDiffers))

	report, err = store.Copy(ctx, durable, old, &store.CopyOptions{Overwrite: true})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d created, %d replaced, %d deleted\n", report.Created, report.Replaced, report.Deleted)
	// Output:
	// finished: 2 read
	// 2 created, 0 replaced, 0 deleted
	// differs: true
	// 1 created, 0 replaced, 0 deleted
}
