package storetest_test

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/store"
)

func dropsLast(s *memstore.Store) store.Store {
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		page, err := s.List(ctx, q)
		if n := len(page.Records); n == q.Limit && n > 1 {
			page.Records = page.Records[:n-1]
		}
		return page, err
	}}
}

// addsToLimit asks for one more, to see whether there are more.
func addsToLimit(s *memstore.Store) store.Store {
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		if q.Limit++; q.Limit < 0 {
			return store.Page{}, store.ErrUnavailable
		}
		q.Limit--
		return s.List(ctx, q)
	}}
}

func pagesByOffset(s *memstore.Store) store.Store {
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		offset, _ := strconv.Atoi(q.After)
		limit := q.Limit
		q.After, q.Limit = "", math.MaxInt
		page, err := s.List(ctx, q)
		if err != nil {
			return page, err
		}
		page.Records = page.Records[min(offset, len(page.Records)):]
		if len(page.Records) > limit {
			page.Records, page.Next = page.Records[:limit], strconv.Itoa(offset+limit)
		}
		return page, nil
	}}
}

// needsItsMark looks the last page's last record up to go on from there.
func needsItsMark(s *memstore.Store) store.Store {
	last := make(map[string]uuid.UUID)
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		if q.After != "" {
			if _, err := s.Get(ctx, last[q.After]); errors.Is(err, store.ErrNotFound) {
				return store.Page{}, nil
			}
		}
		page, err := s.List(ctx, q)
		if page.Next != "" {
			last[page.Next] = page.Records[len(page.Records)-1].ID
		}
		return page, err
	}}
}

func prefixIsPattern(s *memstore.Store) store.Store {
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		like := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(q.NamePrefix))
		matches := regexp.MustCompile("(?s)^" + like).MatchString
		q.NamePrefix = ""
		page, err := s.List(ctx, q)
		page.Records = slices.DeleteFunc(page.Records, func(r store.Record) bool { return !matches(r.Name) })
		return page, err
	}}
}

func forgetsRegistry(s *memstore.Store) store.Store {
	return &altered{Store: s, list: func(s *memstore.Store, ctx context.Context, q store.Query) (store.Page, error) {
		q.AllRegistries, q.Registry = true, ""
		return s.List(ctx, q)
	}}
}

func hidesExpired(s *memstore.Store) store.Store {
	return &altered{Store: s, get: func(s *memstore.Store, ctx context.Context, id uuid.UUID) (store.Record, error) {
		r, err := s.Get(ctx, id)
		if err == nil && !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(time.Now()) {
			return store.Record{}, store.ErrNotFound
		}
		return r, err
	}}
}

func expiredGoesByClock(s *memstore.Store) store.Store {
	return &altered{Store: s, expired: func(s *memstore.Store, ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
		if now := time.Now(); until.After(now) {
			until = now
		}
		return s.Expired(ctx, until, limit)
	}}
}

func excludesUntil(s *memstore.Store) store.Store {
	return &altered{Store: s, expired: func(s *memstore.Store, ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
		return s.Expired(ctx, until.Add(-1), limit)
	}}
}

func newestFirst(s *memstore.Store) store.Store {
	return &altered{Store: s, expired: func(s *memstore.Store, ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
		records, err := s.Expired(ctx, until, math.MaxInt)
		if err != nil || limit < 1 {
			return nil, errors.Join(err, store.ValidateLimit(limit))
		}
		slices.Reverse(records)
		return records[:min(limit, len(records))], nil
	}}
}

// sweepsRenewed takes a revision that Expired returned for good whatever
// stands there now.
func sweepsRenewed(s *memstore.Store) store.Store {
	due := make(map[store.Rev]bool)
	a := &altered{Store: s}
	a.expired = func(s *memstore.Store, ctx context.Context, until time.Time, limit int) ([]store.Record, error) {
		records, err := s.Expired(ctx, until, limit)
		for _, r := range records {
			due[r.Rev] = true
		}
		return records, err
	}
	a.delete = func(s *memstore.Store, ctx context.Context, id uuid.UUID, ifRev store.Rev) (store.Rev, error) {
		if r, err := s.Get(ctx, id); err == nil && due[ifRev] {
			ifRev = r.Rev
		}
		return s.Delete(ctx, id, ifRev)
	}
	return a
}
