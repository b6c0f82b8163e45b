package memstore

import (
	"maps"
	"slices"
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
	byID, log, rev, trimmed := maps.Clone(s.byID), slices.Clone(s.feed.log), s.feed.rev, s.feed.trimmed
	return func() *Store {
		restored := New()
		for _, r := range byID {
			restored.byID[r.ID] = r
			restored.byName[nameKeyOf(r)] = r
			restored.names.insert(nameKeyOf(r))
			if !r.ExpiresAt.IsZero() {
				restored.expiry.insert(expiryKeyOf(r))
			}
		}
		restored.feed.log, restored.feed.rev, restored.feed.trimmed = log, rev, trimmed
		restored.publish()
		return restored
	}
}
