package memstore

import (
	"slices"

	"github.com/regtoken/regtoken/store"
)

// TrimFeed forgets all changes, as if as many as the feed holds had followed.
func TrimFeed(s *Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed.trimmed = s.feed.rev
}

// Backup returns what makes a store of the records and the feed of s as they
// are now.
func Backup(s *Store) (restore func() *Store) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var records []store.Record
	for _, it := range s.byID {
		records = append(records, it.Record)
	}
	log, rev, trimmed := slices.Clone(s.feed.log), s.feed.rev, s.feed.trimmed
	return func() *Store {
		restored := New()
		for _, r := range records {
			it := restored.newItem(&r)
			restored.expiry.set(it, r.ExpiresAt)
			it.Record = r
		}
		restored.feed.log, restored.feed.rev, restored.feed.trimmed = log, rev, trimmed
		restored.publish()
		return restored
	}
}
