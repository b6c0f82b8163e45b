// Package storetest is the suite that every store.Store passes. A store joins
// with one test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t testing.TB) store.Store {
//				s, err := mystore.Open(filepath.Join(t.TempDir(), "tokens"))
//				if err != nil {
//					t.Fatal(err)
//				}
//				return s
//			},
//			Without: map[storetest.Hook]string{
//				storetest.SecondHandle: "the file is locked by the handle that has it open",
//				storetest.TrimFeed:     "the feed is never trimmed",
//				storetest.Backup:       "there is no way to restore one",
//				storetest.Waiter:       "the feed can only be polled",
//			},
//		})
//	}
//
// Some promises of the port can be tested only with a helping hand from the
// store's author: see [Hook]. A store without one says why in
// [Harness.Without], and what could not be tested is skipped with that reason.
//
// Each case is a subtest with a fresh store and writes a few dozen records at
// most, so the suite suits stores that need milliseconds to commit.
package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/regtoken/regtoken/store"
)

// A Hook names what a case may need besides an open store.
type Hook string

// The hooks. The first three are fields of [Harness]; a store has the last by
// implementing store.Waiter.
const (
	SecondHandle Hook = "SecondHandle"
	TrimFeed     Hook = "TrimFeed"
	Backup       Hook = "Backup"
	Waiter       Hook = "Waiter"
)

// A Harness tells [Run] how to get at the stores to test. Open is required;
// every other hook is either there or explained in Without. The functions are
// called from the goroutine of the test they are given and may end it.
type Harness struct {
	// Open returns a store without records. What it keeps must be its own: a
	// cursor of a store opened before is foreign to it. The suite closes it.
	Open func(t testing.TB) store.Store

	// SecondHandle returns another handle on the data of s, as another
	// process would have it; s itself, if that is how the store is shared.
	// The suite closes it.
	SecondHandle func(t testing.TB, s store.Store) store.Store

	// TrimFeed forgets as much of the feed of s as the store ever would:
	// afterwards, every cursor older than the newest one has expired.
	// Calls to s may be under way in other goroutines.
	TrimFeed func(t testing.TB, s store.Store)

	// Backup copies the data of s. The suite closes s before it calls
	// restore, which returns a store on the data as they were: the records,
	// and as much of the feed as a backup of this store holds. The suite
	// closes that one too.
	Backup func(t testing.TB, s store.Store) (restore func() store.Store)

	// Without says of each hook that cannot be had why that is so.
	Without map[Hook]string
}

// check returns everything that is wrong with h, nil if nothing is.
func (h Harness) check() error {
	var problems []error
	report := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("storetest: "+format, args...))
	}
	if h.Open == nil {
		report("Harness.Open is nil")
	}
	offered := map[Hook]bool{
		SecondHandle: h.SecondHandle != nil,
		TrimFeed:     h.TrimFeed != nil,
		Backup:       h.Backup != nil,
	}
	for _, hook := range []Hook{SecondHandle, TrimFeed, Backup} {
		_, excused := h.Without[hook]
		switch {
		case offered[hook] && excused:
			report("Harness.%s is set, and yet Harness.Without has it", hook)
		case !offered[hook] && !excused:
			report("Harness.%s is nil: set it, or say in Harness.Without why there is none", hook)
		}
	}
	for hook, reason := range h.Without {
		if _, known := offered[hook]; !known && hook != Waiter {
			report("Harness.Without has the unknown hook %q", hook)
		}
		if reason == "" {
			report("Harness.Without gives no reason for %s", hook)
		}
	}
	return errors.Join(problems...)
}
