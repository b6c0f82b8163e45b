package pgstore

var (
	ErrDeaf       = errDeaf
	SurelyNothing = surelyNothing
)

// Listen listens until it cannot, as the goroutine of Wait does.
func Listen(s *Store) (heard bool, err error) { return s.listen() }
