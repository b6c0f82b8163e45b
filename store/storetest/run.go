package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/regtoken/regtoken/store"
)

// hangGuard ends a case that would otherwise never end. Nothing else depends
// on how long anything takes.
const hangGuard = time.Minute

// A testCase checks one promise of the port.
type testCase struct {
	name  string
	needs Hook // "" if it can be checked with any store
	run   func(t *trial)
}

var cases = []testCase{
	{"RoundTripBytesExact", "", roundTripBytesExact},
	{"NoAliasing", "", noAliasing},
	{"CreateDuplicateID", "", createDuplicateID},
	{"CreateDuplicateName", "", createDuplicateName},
	{"NamesAreByteExact", "", namesAreByteExact},
	{"ReplaceMayNotRename", "", replaceMayNotRename},
	{"StaleRevConflicts", "", staleRevConflicts},
	{"ReplaceMissing", "", replaceMissing},
	{"DeleteStaleAndMissing", "", deleteStaleAndMissing},
	{"RecreateSameIDNoABA", "", recreateSameIDNoABA},
	{"RevsStoreWideIncreasing", "", revsStoreWideIncreasing},
	{"SecondHandleReadsWrites", SecondHandle, secondHandleReadsWrites},

	{"InvalidRejected", "", invalidRejected},
	{"CancelledContextWritesNothing", "", cancelledContextWritesNothing},
	{"UseAfterClose", "", useAfterClose},

	{"ListExactlyOnceAtEveryLimit", "", listExactlyOnceAtEveryLimit},
	{"ListStableUnderChurn", "", listStableUnderChurn},
	{"ListFiltersLiteralPrefix", "", listFiltersLiteralPrefix},
	{"ListAllRegistries", "", listAllRegistries},

	{"NoHiddenClock", "", noHiddenClock},
	{"ExpiredBoundedOldestFirst", "", expiredBoundedOldestFirst},
	{"SweepNeverDeletesRenewed", "", sweepNeverDeletesRenewed},

	{"ConcurrentCreateOneWinner", "", concurrentCreateOneWinner},
	{"ConcurrentCASLosesNothing", "", concurrentCASLosesNothing},
	{"ConcurrentDeleteVsReplace", "", concurrentDeleteVsReplace},

	{"FeedCreateReplaceDelete", "", feedCreateReplaceDelete},
	{"FeedCaughtUpIsTruthfulAtEveryLimit", "", feedCaughtUpIsTruthfulAtEveryLimit},
	{"FeedNoLateArrival", "", feedNoLateArrival},
	{"FeedThenGetIsNotOlder", "", feedThenGetIsNotOlder},
	{"FeedFailedWritesAreSilent", "", feedFailedWritesAreSilent},
	{"FeedForeignOrFutureCursorExpires", "", feedForeignOrFutureCursorExpires},
	{"FeedTrimmedCursorExpires", TrimFeed, feedTrimmedCursorExpires},
	{"FeedConcurrentTrimNeverSkips", TrimFeed, feedConcurrentTrimNeverSkips},
	{"FeedRestoredCopyExpires", Backup, feedRestoredCopyExpires},

	{"WaitWakesAndHonoursContext", Waiter, waitWakesAndHonoursContext},
}

// Run checks the stores of h against every promise of package store, one
// subtest a case. A case that needs a hook named in h.Without is skipped with
// the reason given there; a hook neither offered nor excused fails the test.
// Cases run one after the other.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if err := h.check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.try(t, h) })
	}
}

// try runs the case against a store of its own.
func (c testCase) try(tb testing.TB, h Harness) {
	tb.Helper()
	if reason, missing := h.Without[c.needs]; missing && c.needs != Waiter {
		tb.Skipf("%s is not applicable: no %s: %s", c.name, c.needs, reason)
	}
	t := &trial{TB: tb, h: h}
	var cancel context.CancelFunc
	t.ctx, cancel = context.WithTimeout(context.Background(), hangGuard)
	tb.Cleanup(cancel)
	t.a = t.open()
	t.b = t.a
	if h.SecondHandle != nil {
		t.b = h.SecondHandle(tb, t.a)
		t.closeLater(t.b)
	}
	if c.needs == Waiter {
		c.needWaiter(t)
	}
	c.run(t)
}

// needWaiter skips or fails the case if the store is no Waiter. That shows
// only once one is open.
func (c testCase) needWaiter(t *trial) {
	t.Helper()
	_, is := t.a.(store.Waiter)
	reason, excused := t.h.Without[Waiter]
	switch {
	case is && excused:
		t.Fatal("the store is a store.Waiter, and yet Harness.Without has Waiter")
	case !is && !excused:
		t.Fatal("the store is no store.Waiter: let it be one, or say in Harness.Without why it is not")
	case !is:
		t.Skipf("%s is not applicable: no %s: %s", c.name, c.needs, reason)
	}
}
