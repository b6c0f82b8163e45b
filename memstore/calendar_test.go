package memstore

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/store"
)

// checkCalendar checks what keeps the calendar c of n items from scanning and
// from growing: the size of buckets, the height, and the room for what it holds.
func checkCalendar(t *testing.T, c *calendar, n int) {
	t.Helper()
	items, periods := 0, 0
	var check func(p *period, height int)
	check = func(p *period, height int) {
		periods++
		require.LessOrEqual(t, height, 13, "52 bits hold the years 1 to 9999")
		if p.parted == nil {
			require.NotEmpty(t, p.bucket)
			require.True(t, len(p.bucket) <= bucketSize || p.spread(p.bucket[0].at) == 0)
			require.Less(t, cap(p.bucket), 4*(len(p.bucket)+1))
			for i, d := range p.bucket {
				require.Same(t, p, d.item.bucket)
				require.Equal(t, i, d.item.place)
			}
			items += len(p.bucket)
			return
		}
		held := 0
		for _, part := range p.parted {
			if part != nil {
				held++
				check(part, height+1)
			}
		}
		require.GreaterOrEqual(t, held, 2)
	}
	if c.all != nil {
		check(c.all, 0)
	}
	require.Equal(t, n, items)
	require.LessOrEqual(t, periods, 2*n)
}

func after(at int64) time.Time { return time.UnixMilli(store.MinTime.UnixMilli() + at) }

// A calendarModel is a calendar beside the plain way to be one.
type calendarModel struct {
	calendar
	instants map[*item]int64
}

func (m *calendarModel) set(it *item, at int64) {
	m.calendar.set(it, after(at))
	m.instants[it] = at
}

func (m *calendarModel) remove(it *item) {
	m.calendar.set(it, time.Time{})
	delete(m.instants, it)
}

// compare asks both for what expires until at.
func (m *calendarModel) compare(t *testing.T, at int64, limit int) {
	t.Helper()
	checkCalendar(t, &m.calendar, len(m.instants))
	want := slices.Sorted(maps.Values(m.instants))
	place, _ := slices.BinarySearch(want, at+1)
	want = want[:min(place, limit)]
	got := m.until(at, limit)
	require.Len(t, got, len(want))
	seen := make(map[*item]bool)
	for i, d := range got {
		require.Equal(t, want[i], d.at)
		require.Equal(t, want[i], m.instants[d.item])
		require.False(t, seen[d.item])
		seen[d.item] = true
	}
}

// FuzzCalendar compares the calendar with a sorted slice: three bytes are an
// operation, its item and its instant, near or far.
func FuzzCalendar(f *testing.F) {
	f.Add([]byte{})
	random := rand.New(rand.NewPCG(1, 2))
	for length := 10; length < 10_000; length *= 2 {
		operations := make([]byte, length)
		for i := range operations {
			operations[i] = byte(random.Uint32())
		}
		f.Add(operations)
	}
	f.Fuzz(func(t *testing.T, operations []byte) {
		items := make([]item, 256)
		m := calendarModel{instants: make(map[*item]int64)}
		for ; len(operations) >= 3; operations = operations[3:] {
			it, at := &items[operations[1]], int64(operations[2]&7)<<(operations[2]>>3)
			switch operations[0] % 8 {
			default:
				m.set(it, at)
			case 6:
				m.remove(it)
			case 7:
				m.compare(t, at, 1+int(operations[1]))
			}
		}
		m.compare(t, math.MaxInt64-1, math.MaxInt)
	})
}

// However expiries lie in time, the calendar keeps its bounds as it grows and as
// it shrinks.
func TestCalendarOfAnyShape(t *testing.T) {
	const n = 5_000
	last := dueAt(store.MaxTime)
	for name, instant := range map[string]func(i int) int64{
		"a year":               func(int) int64 { return rand.Int64N(365 * 24 * 3600 * 1000) },
		"all of time":          func(int) int64 { return rand.Int64N(last + 1) },
		"ascending":            func(i int) int64 { return int64(i) * 1000 },
		"descending":           func(i int) int64 { return int64(n-i) * 1000 },
		"one instant":          func(int) int64 { return 12345 },
		"one, and the last":    func(i int) int64 { return []int64{12345, last}[min(i%1000, 1)] },
		"one, and its beside":  func(i int) int64 { return 12345 + int64(i%1000/999) },
		"the first and last":   func(i int) int64 { return int64(i%2) * last },
		"two seconds":          func(int) int64 { return 1<<40 + rand.Int64N(2000) },
		"doubling":             func(i int) int64 { return min(1<<(i%50), last) },
		"many at each instant": func(i int) int64 { return int64(i/200) * 7919 },
	} {
		t.Run(name, func(t *testing.T) {
			items := make([]item, n)
			m := calendarModel{instants: make(map[*item]int64)}
			for i := range items {
				m.set(&items[i], instant(i))
			}
			m.compare(t, last, math.MaxInt)
			m.compare(t, last/2, n/3)
			require.LessOrEqual(t, cap(m.until(last, 1)), 2*bucketSize, "looked at for one")
			for i, place := range rand.Perm(n) {
				if i%4 > 0 {
					m.remove(&items[place])
				}
			}
			m.compare(t, last, n/5)
			for len(m.instants) > 0 { // sweep
				for _, d := range m.until(last, 100) {
					m.remove(d.item)
				}
			}
			require.Nil(t, m.all)
		})
	}
}

// A million edits leave behind no more than the last of each.
func TestCalendarForgetsWhatMoved(t *testing.T) {
	const n, edits = 1000, 1_000_000
	items := make([]item, n)
	m := calendarModel{instants: make(map[*item]int64)}
	for i := range items {
		m.set(&items[i], rand.Int64N(1<<48))
	}
	for i := range edits {
		m.set(&items[i*7919%n], int64(i%2)<<40+rand.Int64N(1<<(i%40)))
	}
	m.compare(t, math.MaxInt64-1, math.MaxInt)
	for i := range items {
		m.remove(&items[i])
	}
	require.Nil(t, m.all)
}
