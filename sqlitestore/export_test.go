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
	s.TakeTurn()
	defer s.GiveTurn()
	w, err := s.takeSession(ctx)
	if err != nil {
		return err
	}
	defer s.leaveSession(w)
	return w.queryRow(ctx, query).Scan(dest)
}

// TakeTurn makes writes wait.
func (s *Store) TakeTurn() { s.turn <- struct{}{} }

// GiveTurn ends TakeTurn.
func (s *Store) GiveTurn() { <-s.turn }
