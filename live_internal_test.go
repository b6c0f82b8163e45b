package regtoken

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

func TestWithinLease(t *testing.T) {
	const bound = 2 * time.Second
	for _, test := range []struct {
		name            string
		monotonic, wall time.Duration
		want            bool
	}{
		{"at once", 0, 0, true},
		{"at the bound", bound, bound, true},
		{"past it", bound + 1, bound + 1, false},
		{"the computer slept", 0, time.Hour, false},
		{"the wall clock was set ahead", time.Second, time.Hour, false},
		{"the wall clock was set back", time.Second, -time.Hour, false},
		{"the wall clock was set back a little, and time is up", bound + 1, time.Second, false},
		{"it slept, and the wall clock was set back meanwhile", 0, -1, false},
		{"a clock that goes backwards", -1, 0, false},
	} {
		require.Equal(t, test.want, withinLease(test.monotonic, test.wall, bound), test.name)
	}
}

// panicking is a store that does when it is read.
type panicking struct{ store.Store }

func (panicking) GetByName(context.Context, string, string) (store.Record, error) { panic("broken") }

func (panicking) HeadIsLocal() bool { return true }

func TestPanickingStoreLeavesNothingBehind(t *testing.T) {
	m, err := NewManager(panicking{memstore.New()}, nil)
	require.NoError(t, err)
	login := Login{Name: "abc", Password: NewPassword(newSecret("rgt"))}
	for range 2 {
		require.Panics(t, func() { _, _ = m.Authenticate(t.Context(), login) })
	}
	require.Empty(t, m.live.fills)
	require.Empty(t, m.live.flights.lanes)
	require.Empty(t, m.live.reads)
}
