package store

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// What a store must be able to keep, and may refuse to exceed.
const (
	MaxName = 255     // bytes in Record.Name and Record.Registry
	MaxData = 1 << 20 // bytes in Record.Data
)

// The range of Record.ExpiresAt: the years 1 to 9999, which RFC 3339 and every
// database can write. MinTime lies one millisecond above the zero Time, which
// means never.
var (
	MinTime = time.Date(1, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC)
	MaxTime = time.Date(9999, 12, 31, 23, 59, 59, 999*int(time.Millisecond), time.UTC)
)

// Validate reports the first rule of [Record] that r breaks, as an error that
// wraps [ErrInvalid]; nil if it keeps them all. Stores call it in Put.
func (r Record) Validate() error {
	switch {
	case r.ID == uuid.Nil:
		return invalid("Record.ID is the nil UUID")
	case r.Name == "":
		return invalid("Record.Name is empty")
	case r.Rev < 0:
		return invalid("Record.Rev is negative")
	case len(r.Data) > MaxData:
		return invalid(fmt.Sprintf("Record.Data has %d bytes, more than %d", len(r.Data), MaxData))
	case r.ExpiresAt.IsZero():
	case r.ExpiresAt.Before(MinTime) || r.ExpiresAt.After(MaxTime):
		return invalid("Record.ExpiresAt is outside the years 1 to 9999")
	case r.ExpiresAt.Nanosecond()%int(time.Millisecond) != 0:
		return invalid("Record.ExpiresAt is not in whole milliseconds")
	}
	if err := validText("Record.Registry", r.Registry); err != nil {
		return err
	}
	return validText("Record.Name", r.Name)
}

// Validate reports the first rule of [Query] that q breaks, as an error that
// wraps [ErrInvalid]; nil if it keeps them all. Stores call it in List, and
// judge After, which only they can read, themselves.
func (q Query) Validate() error {
	if q.AllRegistries && q.Registry != "" {
		return invalid("Query has both AllRegistries and Registry")
	}
	if err := ValidateLimit(q.Limit); err != nil {
		return err
	}
	if err := validText("Query.Registry", q.Registry); err != nil {
		return err
	}
	return validText("Query.NamePrefix", q.NamePrefix)
}

// ValidateLimit returns an error that wraps [ErrInvalid] if limit, of Expired
// or Changes, is below 1.
func ValidateLimit(limit int) error {
	if limit < 1 {
		return invalid("limit is below 1")
	}
	return nil
}

func validText(field, s string) error {
	switch {
	case len(s) > MaxName:
		return invalid(fmt.Sprintf("%s has %d bytes, more than %d", field, len(s), MaxName))
	case !utf8.ValidString(s):
		return invalid(field + " is not UTF-8")
	case strings.Contains(s, "\x00"):
		return invalid(field + " holds a NUL byte")
	}
	return nil
}

func invalid(rule string) error { return fmt.Errorf("%w: %s", ErrInvalid, rule) }
