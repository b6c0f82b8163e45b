package counter_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/counter"
)

func TestCounter(t *testing.T) {
	var c counter.Counter
	var all sync.WaitGroup
	const goroutines, times = 200, 1000
	for range goroutines {
		all.Go(func() {
			for range times {
				c.Inc()
			}
		})
	}
	all.Wait()
	require.EqualValues(t, goroutines*times, c.Load())
}
