package sqlitestore

import (
	"context"
	"fmt"

	"github.com/regtoken/regtoken/store"
)

var (
	errClosed   = fmt.Errorf("sqlitestore: %w", store.ErrClosed)
	errNotFound = fmt.Errorf("sqlitestore: %w", store.ErrNotFound)
	errExists   = fmt.Errorf("sqlitestore: %w", store.ErrExists)
)

func ended(err error) error { return fmt.Errorf("sqlitestore: %w", err) }

// failed says of what the database could not do that nothing has changed.
func failed(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ended(ctxErr)
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return fmt.Errorf("sqlitestore: %w: %w", store.ErrUnavailable, err)
}
