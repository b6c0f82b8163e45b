package storetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// mutant is the harness of a broken store: wrap breaks a memstore.
func mutant(wrap func(*memstore.Store) store.Store) storetest.Harness {
	return plain(func() store.Store { return wrap(memstore.New()) })
}

// TestMutantsAreCaught shows that each case can fail: it is given a store
// that breaks the promise it is there for.
func TestMutantsAreCaught(t *testing.T) {
	mutants := []struct {
		name     string
		caughtBy string
		harness  storetest.Harness
	}{
		{"Data pass through a text column", "RoundTripBytesExact", mutant(textColumn)},
		{"MinTime means never", "RoundTripBytesExact", mutant(minTimeIsNever)},
		{"keeps the caller's slice", "NoAliasing", mutant(aliasesIn)},
		{"hands its own slice out", "NoAliasing", mutant(aliasesOut)},
		{"a creation overwrites the same ID", "CreateDuplicateID", mutant(upsertsID)},
		{"a creation overwrites the same name", "CreateDuplicateName", mutant(upsertsName)},
		{"names are unique without regard to case", "NamesAreByteExact", mutant(foldsCase)},
		{"trailing spaces do not count", "NamesAreByteExact", mutant(trimsSpaces)},
		{"a replacement may rename", "ReplaceMayNotRename", mutant(renames)},
		{"a replacement asks for no revision", "StaleRevConflicts", mutant(replacesAny)},
		{"a replacement creates what is missing", "ReplaceMissing", mutant(replaceCreates)},
		{"a deletion asks for no revision", "DeleteStaleAndMissing", mutant(deletesAny)},
		{"a record made again has its old revision", "RecreateSameIDNoABA", mutant(revPerRecord)},
		{"each record counts its own revisions", "RevsStoreWideIncreasing", mutant(revPerRecord)},
		{"each handle caches its reads", "SecondHandleReadsWrites", cachingHandles()},

		{"rounds what it cannot keep", "InvalidRejected", mutant(roundsExpiry)},
		{"writes without looking at the context", "CancelledContextWritesNothing", mutant(ignoresContext)},
		{"looks at the context only after the write", "CancelledContextWritesNothing", mutant(looksTooLate)},
		{"Close does nothing", "UseAfterClose", mutant(neverCloses)},

		{"a page lacks its last record", "ListExactlyOnceAtEveryLimit", mutant(dropsLast)},
		{"a limit too many overflows", "ListExactlyOnceAtEveryLimit", mutant(addsToLimit)},
		{"pages are counted by offset", "ListStableUnderChurn", mutant(pagesByOffset)},
		{"a page goes on from a record that must be there", "ListStableUnderChurn", mutant(needsItsMark)},
		{"the prefix is a LIKE pattern", "ListFiltersLiteralPrefix", mutant(prefixIsPattern)},
		{"List forgets the registry", "ListAllRegistries", mutant(forgetsRegistry)},

		{"what has expired is hidden", "NoHiddenClock", mutant(hidesExpired)},
		{"Expired goes by the clock", "NoHiddenClock", mutant(expiredGoesByClock)},
		{"Expired excludes until itself", "ExpiredBoundedOldestFirst", mutant(excludesUntil)},
		{"Expired returns the newest first", "ExpiredBoundedOldestFirst", mutant(newestFirst)},
		{"a sweep deletes what was renewed", "SweepNeverDeletesRenewed", mutant(sweepsRenewed)},

		{"a creation checks, then acts", "ConcurrentCreateOneWinner", mutant(racyCreate)},
		{"a replacement checks, then acts", "ConcurrentCASLosesNothing", mutant(racyReplace)},
		{"a deletion checks, then acts", "ConcurrentDeleteVsReplace", mutant(racyDelete)},

		{"the feed lacks deletions", "FeedCreateReplaceDelete", faults{forgetDeletions: true}.harness()},
		{"every batch claims to be the last", "FeedCaughtUpIsTruthfulAtEveryLimit", faults{answer: alwaysCaughtUp}.harness()},
		{"no batch claims to be the last", "FeedCaughtUpIsTruthfulAtEveryLimit", faults{answer: neverCaughtUp}.harness()},
		{"a write shows after later ones", "FeedNoLateArrival", faults{beforeEntry: oddRevsLate, beforeRead: overlap}.harness()},
		{"Get is behind the feed", "FeedThenGetIsNotOlder", mutant(getsOlder)},
		{"the feed has failed writes", "FeedFailedWritesAreSilent", faults{logFailures: true}.harness()},
		{"a cursor is a bare revision", "FeedForeignOrFutureCursorExpires", faults{guess: anyCursor}.harness()},
		{"a cursor may lie ahead", "FeedForeignOrFutureCursorExpires", faults{guess: ownCursor}.harness()},
		{"a trimmed cursor reads on", "FeedTrimmedCursorExpires", faults{guess: trimmedCursor}.harness()},
		{"a trim between check and read", "FeedConcurrentTrimNeverSkips", faults{beforeTrim: overlap, beforeRead: overlapLonger}.harness()},
		{"a restored copy goes on in its old name", "FeedRestoredCopyExpires", faults{sameNonce: true}.harness()},

		{"Wait never wakes", "WaitWakesAndHonoursContext", mutant(neverWakes)},
		{"Wait sleeps through writes", "WaitWakesAndHonoursContext", mutant(sleepsThroughWrites)},
		{"Wait ignores its context", "WaitWakesAndHonoursContext", mutant(ignoresCancel)},
	}
	caught := make(map[string]bool)
	for _, m := range mutants {
		caught[m.caughtBy] = true
		t.Run(m.name, func(t *testing.T) {
			result := inBubble(t, m.harness, m.caughtBy)
			require.False(t, result.Skipped(), "%s", result)
			require.True(t, result.Failed(), "%s let it pass", m.caughtBy)
			t.Log(result)
		})
	}
	for _, name := range storetest.CaseNames() {
		require.True(t, caught[name], "no mutant shows that %s can fail", name)
	}
}

// TestRacesNeedTheConcurrentCases shows that those catch what the others,
// which make one call at a time, cannot.
func TestRacesNeedTheConcurrentCases(t *testing.T) {
	for _, race := range []struct {
		name    string
		harness storetest.Harness
		passes  []string
	}{
		{"create", mutant(racyCreate), []string{"CreateDuplicateID", "CreateDuplicateName"}},
		{"replace", mutant(racyReplace), []string{"StaleRevConflicts", "RecreateSameIDNoABA"}},
		{"delete", mutant(racyDelete), []string{"DeleteStaleAndMissing", "RecreateSameIDNoABA"}},
		{"late arrival", faults{beforeEntry: oddRevsLate, beforeRead: overlap}.harness(), []string{"FeedCreateReplaceDelete", "FeedCaughtUpIsTruthfulAtEveryLimit"}},
		{"trim", faults{beforeTrim: overlap, beforeRead: overlapLonger}.harness(), []string{"FeedTrimmedCursorExpires"}},
	} {
		for _, name := range race.passes {
			result := inBubble(t, race.harness, name)
			require.False(t, result.Failed(), "%s: %s: %s", race.name, name, result)
		}
	}
}
