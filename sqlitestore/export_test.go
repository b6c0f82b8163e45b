package sqlitestore

import "context"

// TrimFeed forgets all changes but the newest.
func (s *Store) TrimFeed(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM regtoken_changes WHERE rev < (SELECT max(rev) FROM regtoken_changes)`)
	return err
}
