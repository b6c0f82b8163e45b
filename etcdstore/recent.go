package etcdstore

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// maxRecent is how many records recent remembers at least; at most, twice as
// many.
const maxRecent = 512

// A sighting is what a record's keys depend on, as it was at a revision. What
// was there at a revision never changes, so whoever writes on condition that
// the record stands at it has no need to read that again.
type sighting struct {
	name      name
	rev       store.Rev
	expiresAt time.Time
}

// recent remembers the records that were read or written lately: a change reads
// a record just before it writes it. The zero value is ready for use, by any
// number of goroutines.
type recent struct {
	mu         sync.Mutex
	young, old map[uuid.UUID]sighting // old is forgotten when young is full
}

func (m *recent) saw(r store.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= maxRecent || m.young == nil {
		m.young, m.old = make(map[uuid.UUID]sighting), m.young
	}
	m.young[r.ID] = sighting{nameOf(r.Registry, r.Name), r.Rev, r.ExpiresAt}
}

func (m *recent) find(id uuid.UUID) (s sighting, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok = m.young[id]; !ok {
		s, ok = m.old[id]
	}
	return s, ok
}

// at returns the record with this ID at this revision, but for its data.
func (m *recent) at(id uuid.UUID, rev store.Rev) (r store.Record, ok bool) {
	s, ok := m.find(id)
	if !ok || s.rev != rev {
		return store.Record{}, false
	}
	registry, base, err := s.name.parts()
	return store.Record{ID: id, Registry: registry, Name: base, ExpiresAt: s.expiresAt, Rev: rev}, err == nil
}
