package pgstore

var (
	ErrDeaf       = errDeaf
	SurelyNothing = surelyNothing
)

// Listen listens until it cannot, as the goroutine of Wait does.
func Listen(s *Store) (heard bool, err error) { return s.listen() }

// HoldWrites makes writes wait until the returned function is called, however
// long that takes.
func (s *Store) HoldWrites() (release func()) {
	s.writes.Patience = 0
	return s.writes.Hold()
}

// WaitingWrites is how many writes wait.
func (s *Store) WaitingWrites() int { return s.writes.Waiting() }

// Channel is where the store's notifications are sent.
func Channel(s *Store) string { return s.names.channel }
