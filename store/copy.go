package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// The errors of [Copy], besides those of the stores it copies between.
var (
	// ErrDiffers: the destination holds other records than the source, and
	// nothing says that they may go. Nothing was written.
	ErrDiffers = errors.New("store: destination differs from the source")

	// ErrUnfinished: the source is itself the destination of a copy that has
	// not come to its end. Half of the records are not the truth.
	ErrUnfinished = errors.New("store: source is an unfinished copy")
)

// CopyOptions change what [Copy] does. The zero CopyOptions are the defaults.
type CopyOptions struct {
	// Overwrite says that the destination is to become what the source is,
	// whatever it holds: tokens that were made there go, and tokens that were
	// revoked there come back. A source without any record overwrites
	// nothing: it is more likely a mistyped address.
	Overwrite bool

	// Progress, if not nil, is called with the report so far, by the goroutine
	// that called Copy: after every hundred records, and when all is done.
	Progress func(CopyReport)
}

// A CopyPhase says what [Copy] is at.
type CopyPhase string

// The phases. A copy goes through PhaseCopying and PhaseVerifying to
// PhaseFinished; a comparison, through PhaseComparing.
const (
	PhaseComparing CopyPhase = "comparing" // nothing is written
	PhaseCopying   CopyPhase = "copying"
	PhaseVerifying CopyPhase = "verifying" // all is read once more, and mended
	PhaseFinished  CopyPhase = "finished"  // the destination equals the source
)

// A CopyReport says how far [Copy] has come.
type CopyReport struct {
	Phase CopyPhase // "" before the first

	// Read is how many records of the source this phase has read, and
	// Unchanged, how many of those it found at the destination as they should
	// be. A store cannot tell beforehand how many there are.
	Read, Unchanged int

	// Created, Replaced and Deleted count the writes to the destination that
	// it acknowledged, in all phases.
	Created, Replaced, Deleted int
}

// Copy makes the records of to, in all registries, those of from: the same but
// for their revisions, expired ones included. It returns what it did, also
// with an error. What it does depends on what it finds at the destination:
//
//   - No record, or a copy that did not come to its end: the source is the
//     truth. What is missing is created, what differs replaced, what the
//     source lacks deleted. So a copy that was interrupted, by whatever, is
//     completed by running it again.
//   - Records, and no unfinished copy: the destination may be in use, and what
//     was revoked there must not come back. Nothing is written. If every
//     record equals the source's, that is success (running Copy again after it
//     finished does nothing); otherwise the error is [ErrDiffers].
//   - The same, with [CopyOptions.Overwrite]: the source is the truth.
//
// While a copy is under way, the destination holds one record more, of a
// registry that no Manager has ("regtoken copy in progress"). A destination
// with that record is not to be used, nor to be copied from.
//
// The source may be in use meanwhile: all that was written there before Copy
// began is at the destination in the end, and what is written while it runs may
// be or not. To move for good, with as short a pause as can be:
//
//  1. Copy, while the source is in use. This takes the time.
//  2. Stop all that creates, edits and deletes tokens at the source. Logins
//     can go on.
//  3. Copy again with Overwrite. This writes only what has changed.
//  4. Switch everything over to the destination.
//
// After the switch the old store is out of date: never overwrite the new one
// from it.
//
// Of two copies into one destination at once, the one that began last goes on;
// the other stops before its next write, with [ErrConflict].
//
// A destination that is the source is an error ([ErrInvalid]), or equal to
// itself. A write whose acknowledgement is lost is looked for and done again if
// need be; calls that fail otherwise are not repeated, and end the copy.
// In memory there are a page of a hundred records of each side at a time.
//
// Errors: [ErrDiffers], [ErrUnfinished], [ErrInvalid], [ErrConflict] if others
// write to the destination, [ErrCursorExpired] if the feed of the source is
// trimmed faster than it can be followed; an error that wraps ctx.Err() when
// ctx ended; and what the stores return.
func Copy(ctx context.Context, to, from Store, opts *CopyOptions) (CopyReport, error) {
	c := copying{
		from: side{Store: from, name: "source"},
		to:   side{Store: to, name: "destination"},
		run:  uuid.New(),
	}
	if opts != nil {
		c.opts = *opts
	}
	err := c.do(ctx)
	if ended := ctx.Err(); err != nil && ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return c.report, err
}

// copying is one run of Copy.
type copying struct {
	from, to side
	opts     CopyOptions
	run      uuid.UUID // tells this run from others
	marker   Record    // of this run, once it has one
	verify   bool      // this run has written, or another may just be writing
	report   CopyReport
}

func (c *copying) do(ctx context.Context) error {
	if err := c.checkSource(ctx); err != nil {
		return err
	}
	begun, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if !begun {
		return c.compare(ctx)
	}
	if err := c.checkNotSame(ctx); err != nil {
		return err
	}
	if err := c.copyAndVerify(ctx); err != nil {
		return err
	}
	if err := c.checkSource(ctx); err != nil {
		return err
	}
	if err := c.end(ctx); err != nil {
		return err
	}
	c.enter(PhaseFinished)
	c.tell()
	return nil
}

// enter begins a phase. The last one keeps the count of the one before.
func (c *copying) enter(phase CopyPhase) {
	c.report.Phase = phase
	if phase != PhaseFinished {
		c.report.Read, c.report.Unchanged = 0, 0
	}
}

func (c *copying) tell() {
	if c.opts.Progress != nil {
		c.opts.Progress(c.report)
	}
}

// compare returns nil if both sides hold the same, or ErrDiffers.
func (c *copying) compare(ctx context.Context) error {
	c.enter(PhaseComparing)
	differing, first := 0, ""
	err := c.join(ctx, func(_ context.Context, want, have *Record) error {
		if !same(want, have) {
			if differing == 0 {
				first = difference(want, have)
			}
			differing++
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case differing > 0:
		return fmt.Errorf("%w: at %d names, the first of them %s; nothing was written "+
			"(Overwrite would take back whatever happened at the destination since)", ErrDiffers, differing, first)
	}
	c.enter(PhaseFinished)
	c.tell()
	return nil
}

// difference describes what stands under one name, at one side or at both.
func difference(want, have *Record) string {
	switch {
	case want == nil:
		return describe(have) + ", which the source lacks"
	case have == nil:
		return describe(want) + ", which it lacks"
	case want.ID != have.ID:
		return describe(want) + ", which is " + have.ID.String() + " there"
	}
	return describe(want)
}

// describe names a record. Nothing in it is secret.
func describe(r *Record) string {
	return fmt.Sprintf("token %q of registry %q (%s)", r.Name, r.Registry, r.ID)
}

// same reports whether two records differ in nothing but their revisions; nil
// is none.
func same(a, b *Record) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID && compareNames(a, b) == 0 && a.ExpiresAt.Equal(b.ExpiresAt) && bytes.Equal(a.Data, b.Data)
}

// compareNames orders records as listings do; nil comes behind them all. Not
// both are nil.
func compareNames(a, b *Record) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name))
}
