package storetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
	"github.com/regtoken/regtoken/store/storetest"
)

// plain is how a store joins that has no hook to offer but that of a Waiter.
func plain(open func() store.Store) storetest.Harness {
	return storetest.Harness{
		Open: func(testing.TB) store.Store { return open() },
		Without: map[storetest.Hook]string{
			storetest.SecondHandle: "the pointer is shared",
			storetest.TrimFeed:     "it trims itself",
			storetest.Backup:       "it ends with the process",
		},
	}
}

// inBubble runs a case in a bubble of its own: what hangs is found at once,
// and what overlaps does so the same way each time.
func inBubble(t *testing.T, h storetest.Harness, name string) (result *recorder) {
	synctest.Test(t, func(t *testing.T) { result = try(t, h, name) })
	return result
}

func TestRun(t *testing.T) {
	storetest.Run(t, faults{}.harness())
}

func TestSoundStoresPass(t *testing.T) {
	memstores := plain(func() store.Store { return memstore.New() })
	for _, name := range storetest.CaseNames() {
		t.Run(name, func(t *testing.T) {
			journaled := inBubble(t, faults{}.harness(), name)
			require.False(t, journaled.Failed(), "%s", journaled)
			require.False(t, journaled.Skipped(), "%s", journaled)

			bare := inBubble(t, memstores, name)
			require.False(t, bare.Failed(), "%s", bare)
		})
	}
}

func TestCasesWithoutTheirHookAreSkippedByName(t *testing.T) {
	type notWaiter struct{ store.Store }
	h := plain(func() store.Store { return notWaiter{memstore.New()} })
	h.Without[storetest.Waiter] = "it cannot wait"
	reasons := map[string]string{
		"SecondHandleReadsWrites":      "SecondHandle: the pointer is shared",
		"FeedTrimmedCursorExpires":     "TrimFeed: it trims itself",
		"FeedConcurrentTrimNeverSkips": "TrimFeed: it trims itself",
		"FeedRestoredCopyExpires":      "Backup: it ends with the process",
		"WaitWakesAndHonoursContext":   "Waiter: it cannot wait",
	}
	for _, name := range storetest.CaseNames() {
		result := try(t, h, name)
		require.False(t, result.Failed(), "%s: %s", name, result)
		require.Equal(t, reasons[name] != "", result.Skipped(), "%s: %s", name, result)
		if result.Skipped() {
			require.Equal(t, name+" is not applicable: no "+reasons[name], result.String())
		}
	}
}

func TestWaiterMustBeDeclared(t *testing.T) {
	const waiting = "WaitWakesAndHonoursContext"
	undeclared := plain(func() store.Store { return struct{ store.Store }{memstore.New()} })
	require.True(t, try(t, undeclared, waiting).Failed())

	denied := plain(func() store.Store { return memstore.New() })
	denied.Without[storetest.Waiter] = "it cannot wait"
	require.True(t, try(t, denied, waiting).Failed())
}

func TestHarnessMustBeComplete(t *testing.T) {
	complete := func() storetest.Harness { return plain(func() store.Store { return memstore.New() }) }
	for _, test := range []struct {
		name  string
		spoil func(h *storetest.Harness)
		want  string
	}{
		{"complete", func(*storetest.Harness) {}, ""},
		{"no Open", func(h *storetest.Harness) { h.Open = nil }, "Open is nil"},
		{"no SecondHandle", func(h *storetest.Harness) { delete(h.Without, storetest.SecondHandle) }, "SecondHandle is nil"},
		{"no TrimFeed", func(h *storetest.Harness) { delete(h.Without, storetest.TrimFeed) }, "TrimFeed is nil"},
		{"no Backup", func(h *storetest.Harness) { delete(h.Without, storetest.Backup) }, "Backup is nil"},
		{"both", func(h *storetest.Harness) { h.TrimFeed = func(testing.TB, store.Store) {} }, "TrimFeed is set"},
		{"no reason", func(h *storetest.Harness) { h.Without[storetest.Backup] = "" }, "no reason for Backup"},
		{"unknown", func(h *storetest.Harness) { h.Without["Telepathy"] = "none" }, `unknown hook "Telepathy"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := complete()
			test.spoil(&h)
			if test.want == "" {
				require.NoError(t, h.Check())
				return
			}
			require.ErrorContains(t, h.Check(), test.want)
		})
	}
}
