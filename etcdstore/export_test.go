package etcdstore

import (
	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// MaxRecent is how many records a store remembers at least.
const MaxRecent = maxRecent

// Remembered is how many records s remembers.
func Remembered(s *Store) int { return s.recent.size() }

// Mistake makes s believe that r stood as it is given.
func Mistake(s *Store, r store.Record) { s.recent.saw(r) }

func (m *recent) size() int { return len(m.young) + len(m.old) }

// RememberAfter returns how many records are remembered at most while n are
// seen, and whether the last as many as are promised are among them.
func RememberAfter(n int) (most int, last bool) {
	var m recent
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
		m.saw(store.Record{ID: ids[i], Rev: 1})
		most = max(most, m.size())
	}
	last = true
	for _, id := range ids[n-maxRecent:] {
		_, ok := m.at(id, 1)
		last = last && ok
	}
	return most, last
}
