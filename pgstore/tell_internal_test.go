package pgstore

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTeller: the first write of many in a row sends a notification, those of a
// pause one together behind it, and none is sent for nothing.
func TestTeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		teller := teller{tell: func() { told.Add(1) }}
		after := func(d time.Duration) int {
			time.Sleep(d)
			synctest.Wait()
			return int(told.Load())
		}
		write := func() bool {
			claimed := teller.claim()
			if !claimed {
				teller.owe()
			}
			return claimed
		}

		require.True(t, write())
		require.Zero(t, after(time.Minute), "it sent one itself")

		require.True(t, write())
		for range 100 {
			require.False(t, write())
		}
		require.Zero(t, after(tellInterval-1))
		require.Equal(t, 1, after(1))
		require.False(t, write(), "one was just sent")
		require.Equal(t, 1, after(tellInterval-1))
		require.Equal(t, 2, after(1))
		require.Equal(t, 2, after(time.Minute))

		require.True(t, teller.claim())
		teller.owe() // nothing came of that write
		require.Equal(t, 3, after(tellInterval))
		require.Equal(t, 3, after(time.Minute))
		teller.owe() // a slow one, done long after the pause that it fell into
		require.Equal(t, 4, after(tellInterval))

		require.False(t, write())
		teller.stop()
		require.False(t, write())
		require.Equal(t, 4, after(time.Minute), "told after the end")
		teller.stop()
	})
}
