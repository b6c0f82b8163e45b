package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

const (
	// copyPage is how many records are listed at once, and told of at once.
	copyPage = 100

	// maxAttempts bounds how often a record is written that others keep
	// writing to.
	maxAttempts = 16

	// maxListings bounds how often all is listed anew as the feed of the
	// source has been trimmed.
	maxListings = 5
)

// copyAndVerify makes the destination equal to the source. If that took any
// write, of this run or of another that may have been at its last one, it
// looks at everything once more.
func (c *copying) copyAndVerify(ctx context.Context) error {
	if err := c.pass(ctx, PhaseCopying); err != nil {
		return err
	}
	if !c.verify {
		return nil
	}
	return c.pass(ctx, PhaseVerifying)
}

// pass compares all and mends what differs. Where the feed of the source does
// not reach back to when it began, it begins again.
func (c *copying) pass(ctx context.Context, phase CopyPhase) error {
	var err error
	for range maxListings {
		c.enter(phase)
		if err = c.passOnce(ctx); !errors.Is(err, ErrCursorExpired) {
			return err
		}
	}
	return err
}

func (c *copying) passOnce(ctx context.Context) error {
	start, err := c.from.Head(ctx)
	if err != nil {
		return c.from.failed(err)
	}
	if err := c.join(ctx, c.mendName); err != nil {
		return err
	}
	return c.follow(ctx, start)
}

// join visits each name that has a record on either side, in their order, with
// the source's record and the destination's, nil where there is none.
func (c *copying) join(ctx context.Context, visit func(ctx context.Context, want, have *Record) error) error {
	from, to := c.from.list(), c.to.list()
	for n := 1; ; n++ {
		want, err := from.peek(ctx)
		if err != nil {
			return err
		}
		have, err := to.peek(ctx)
		if err != nil || want == nil && have == nil {
			return err
		}
		switch order := compareNames(want, have); {
		case order < 0:
			have = nil
		case order > 0:
			want = nil
		}
		if want != nil {
			from.advance()
			c.report.Read++
			if same(want, have) {
				c.report.Unchanged++
			}
		}
		if have != nil {
			to.advance()
		}
		if err := visit(ctx, want, have); err != nil {
			return err
		}
		if n%copyPage == 0 {
			c.tell()
		}
	}
}

// follow mends what was written to the source behind the cursor.
func (c *copying) follow(ctx context.Context, after Cursor) error {
	for {
		batch, err := c.from.Changes(ctx, after, copyPage)
		if err != nil {
			return c.from.failed(err)
		}
		for _, change := range batch.Changes {
			if err := c.mend(ctx, change.ID); err != nil {
				return err
			}
		}
		if batch.CaughtUp {
			return nil
		}
		c.tell()
		after = batch.Next
	}
}

// mendName makes what the destination has under one name what the source has.
func (c *copying) mendName(ctx context.Context, want, have *Record) error {
	switch {
	case want == nil:
		return c.mend(ctx, have.ID)
	case have != nil && have.ID != want.ID:
		return c.mend(ctx, want.ID)
	}
	done, err := c.step(ctx, want, have)
	if done || err != nil {
		return err
	}
	return c.mend(ctx, want.ID)
}

// mend makes what the destination has under an ID what the source has now.
func (c *copying) mend(ctx context.Context, id uuid.UUID) error {
	for range maxAttempts {
		want, err := c.from.byID(ctx, id)
		if err != nil {
			return err
		}
		have, err := c.to.byID(ctx, id)
		if err != nil {
			return err
		}
		if done, err := c.step(ctx, want, have); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: token %s at the destination: others keep writing to it, or no write is acknowledged", ErrConflict, id)
}

// step makes one write of those that lead from have to want, the records of
// one ID, and reports whether it was the last. If it came to nothing because
// things are no longer as they were read, or perhaps did happen, it reports
// false and no error: they are to be read again.
func (c *copying) step(ctx context.Context, want, have *Record) (done bool, err error) {
	switch {
	case same(want, have):
		return true, nil
	case want == nil:
		return c.delete(ctx, have)
	case have == nil:
		return c.put(ctx, *want, 0, &c.report.Created)
	case compareNames(want, have) != 0:
		_, err := c.delete(ctx, have)
		return false, err
	default:
		return c.put(ctx, *want, have.Rev, &c.report.Replaced)
	}
}

func (c *copying) put(ctx context.Context, r Record, rev Rev, count *int) (done bool, err error) {
	if err := c.mayWrite(ctx); err != nil {
		return false, err
	}
	r.Rev = rev
	_, err = c.to.Put(ctx, r)
	if errors.Is(err, ErrExists) {
		return false, c.clearName(ctx, &r)
	}
	return c.written(&r, err, count)
}

func (c *copying) delete(ctx context.Context, r *Record) (done bool, err error) {
	if err := c.mayWrite(ctx); err != nil {
		return false, err
	}
	_, err = c.to.Delete(ctx, r.ID, r.Rev)
	return c.written(r, err, &c.report.Deleted)
}

func (c *copying) written(r *Record, err error, count *int) (done bool, _ error) {
	switch {
	case err == nil:
		*count++
		return true, nil
	case isOvertaken(err):
		return false, nil
	}
	return false, c.to.failed(fmt.Errorf("writing %s: %w", describe(r), err))
}

// clearName deletes the record that keeps r from its name at the destination,
// if that is why r exists there. Where the source has that record under a name
// of its own, this pass is yet to come to it: by that name, or by the feed.
func (c *copying) clearName(ctx context.Context, r *Record) error {
	holder, err := c.to.find(func() (Record, error) { return c.to.GetByName(ctx, r.Registry, r.Name) })
	if err != nil || holder == nil || holder.ID == r.ID {
		return err
	}
	_, err = c.delete(ctx, holder)
	return err
}

// isOvertaken reports whether the error of a write says no more than that the
// record must be read again.
func isOvertaken(err error) bool {
	for _, again := range []error{ErrExists, ErrNotFound, ErrConflict, ErrUnknown} {
		if errors.Is(err, again) {
			return true
		}
	}
	return false
}
