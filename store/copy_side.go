package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// A side is one of the two stores of a copy. Where others speak of its
// records, the marker of a copy is none.
type side struct {
	Store
	name string // for errors
}

func (s side) failed(err error) error { return fmt.Errorf("%s: %w", s.name, err) }

// find returns the record that get finds, nil if there is none.
func (s side) find(get func() (Record, error)) (*Record, error) {
	r, err := get()
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, s.failed(err)
	}
	return &r, nil
}

// byID returns the record with this ID, nil if there is none.
func (s side) byID(ctx context.Context, id uuid.UUID) (*Record, error) {
	r, err := s.find(func() (Record, error) { return s.Get(ctx, id) })
	if r != nil && isMarker(r) {
		r = nil
	}
	return r, err
}

// isEmpty reports whether there is no record.
func (s side) isEmpty(ctx context.Context) (bool, error) {
	first, err := s.list().peek(ctx)
	return first == nil, err
}

func (s side) list() *listing {
	return &listing{side: s, query: Query{AllRegistries: true, Limit: copyPage}}
}

// A listing goes through all records of a side in the order of their names.
type listing struct {
	side  side
	query Query
	page  []Record
	ended bool
}

// peek returns the record that the listing stands at, nil behind the last.
func (l *listing) peek(ctx context.Context) (*Record, error) {
	for {
		for ; len(l.page) > 0; l.advance() {
			if !isMarker(&l.page[0]) {
				return &l.page[0], nil
			}
		}
		if l.ended {
			return nil, nil
		}
		page, err := l.side.List(ctx, l.query)
		if err != nil {
			return nil, l.side.failed(err)
		}
		l.page, l.query.After, l.ended = page.Records, page.Next, page.Next == ""
	}
}

func (l *listing) advance() { l.page = l.page[1:] }
