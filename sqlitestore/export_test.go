package sqlitestore

import "context"

// TrimEvery is how many changes the feed may hold beyond its size.
const TrimEvery = trimEvery

// TrimFeed forgets all changes but the newest.
func (s *Store) TrimFeed(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM regtoken_changes WHERE rev < (SELECT max(rev) FROM regtoken_changes)`)
	return err
}

// Writer scans what a query returns on the connection that s writes through.
func (s *Store) Writer(ctx context.Context, query string, dest any) error {
	defer s.HoldWrites()()
	w, err := s.takeSession(ctx)
	if err != nil {
		return err
	}
	defer s.leaveSession(w)
	return w.queryRow(ctx, query).Scan(dest)
}

// HoldWrites makes writes wait until the returned function is called.
func (s *Store) HoldWrites() (release func()) { return s.writes.Hold() }

// WaitingWrites is how many writes wait.
func (s *Store) WaitingWrites() int { return s.writes.Waiting() }
