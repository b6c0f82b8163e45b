package groupcommit_test

import (
	"context"
	"fmt"

	"github.com/regtoken/regtoken/store/groupcommit"
)

// A row is what one call writes, and what came of it.
type row struct {
	text string
	rev  int
}

// A store writes what its queue gathers in one go, and gives each row its own
// revision.
func Example() {
	var queue groupcommit.Queue[row]
	rev := 0
	commit := func(_ context.Context, take func() *groupcommit.Batch[row]) error {
		batch := take() // a store gets at its connection before this
		defer batch.Settle()
		for _, w := range batch.Writes {
			rev++
			w.Value.rev = rev
		}
		return nil
	}
	for _, text := range []string{"first", "second"} {
		w := groupcommit.NewWrite(row{text: text}, len(text))
		if err := queue.Do(context.Background(), w, commit); err != nil {
			panic(err)
		}
		fmt.Println(w.Value.text, w.Value.rev)
	}

	// Output:
	// first 1
	// second 2
}
