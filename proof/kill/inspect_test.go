package kill_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// A picture is what a store held at one time.
type picture struct {
	cursor  store.Cursor
	records map[uuid.UUID]store.Record
	changes []store.Change // since the picture before
}

// inspect looks at a store, to which nobody writes, in every way that the port
// knows, and reports where two of them disagree. Everything that is not as it
// was in the picture before must be in the change feed, and nothing else; no
// picture (nil) is that of an empty store, whose feed is not looked at.
func inspect(ctx context.Context, s store.Store, before *picture) (*picture, error) {
	all, err := list(ctx, s, store.Query{AllRegistries: true, Limit: 1000})
	if err != nil {
		return nil, err
	}
	now := &picture{records: make(map[uuid.UUID]store.Record, len(all))}
	for _, r := range all {
		now.records[r.ID] = r
	}
	if now.cursor, err = s.Head(ctx); err != nil {
		return nil, err
	}
	err = errors.Join(
		checkLists(ctx, s, all),
		checkLookUps(ctx, s, all),
		checkExpired(ctx, s, all),
	)
	if before != nil {
		err = errors.Join(err, now.checkFeed(ctx, s, before))
	}
	return now, err
}

func list(ctx context.Context, s store.Store, q store.Query) (all []store.Record, err error) {
	for {
		page, err := s.List(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(page.Records) > q.Limit {
			return nil, fmt.Errorf("a page of %d records, asked for %d", len(page.Records), q.Limit)
		}
		all = append(all, page.Records...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// checkLists: pages of any size, of all registries or of one, by prefix or not,
// make the same list.
func checkLists(ctx context.Context, s store.Store, all []store.Record) error {
	ids := map[uuid.UUID]bool{}
	byRegistry, byPrefix := map[string][]store.Record{}, map[string][]store.Record{}
	for i, r := range all {
		if err := r.Validate(); err != nil {
			return err
		}
		if r.Rev == 0 || ids[r.ID] {
			return fmt.Errorf("%v is listed twice, or without a revision", r.ID)
		}
		ids[r.ID] = true
		if i > 0 && compareNames(all[i-1], r) >= 0 {
			return fmt.Errorf("%q is listed behind %q", r.Name, all[i-1].Name)
		}
		byRegistry[r.Registry] = append(byRegistry[r.Registry], r)
		prefix := r.Name[:min(2, len(r.Name))]
		byPrefix[prefix] = append(byPrefix[prefix], r)
	}
	same := func(q store.Query, want []store.Record) error {
		got, err := list(ctx, s, q)
		if err == nil && !slices.EqualFunc(got, want, equal) {
			err = fmt.Errorf("%+v lists %v, not %v", q, names(got), names(want))
		}
		return err
	}
	errs := []error{same(store.Query{AllRegistries: true, Limit: 7}, all)}
	for registry, want := range byRegistry {
		errs = append(errs, same(store.Query{Registry: registry, Limit: 5}, want))
	}
	for prefix, want := range byPrefix {
		errs = append(errs, same(store.Query{AllRegistries: true, NamePrefix: prefix, Limit: 100}, want))
	}
	return errors.Join(errs...)
}

// checkLookUps: what is listed is there, by its ID and by its name.
func checkLookUps(ctx context.Context, s store.Store, all []store.Record) error {
	var errs []error
	for _, r := range all {
		byID, err := s.Get(ctx, r.ID)
		if err != nil || !equal(byID, r) {
			errs = append(errs, fmt.Errorf("listed %s is by its ID %s", describe(r), describe(byID)), err)
		}
		byName, err := s.GetByName(ctx, r.Registry, r.Name)
		if err != nil || !equal(byName, r) {
			errs = append(errs, fmt.Errorf("listed %s is by its name %s", describe(r), describe(byName)), err)
		}
	}
	return errors.Join(errs...)
}

// checkExpired: those that expire, and no others, are in the order of expiry.
func checkExpired(ctx context.Context, s store.Store, all []store.Record) error {
	var expiring []store.Record
	for _, r := range all {
		if !r.ExpiresAt.IsZero() {
			expiring = append(expiring, r)
		}
	}
	slices.SortFunc(expiring, func(a, b store.Record) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	same := func(until time.Time, limit int, want []store.Record) error {
		got, err := s.Expired(ctx, until, limit)
		if err != nil {
			return err
		}
		if !slices.IsSortedFunc(got, func(a, b store.Record) int { return a.ExpiresAt.Compare(b.ExpiresAt) }) {
			return fmt.Errorf("Expired(%v) is out of order", until)
		}
		byID := func(a, b store.Record) int { return bytes.Compare(a.ID[:], b.ID[:]) }
		if !slices.EqualFunc(slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID), equal) {
			return fmt.Errorf("Expired(%v) is %v, not %v", until, names(got), names(want))
		}
		return nil
	}
	errs := []error{same(store.MaxTime, len(all)+1, expiring)}
	if half := len(expiring) / 2; half > 0 {
		until := expiring[half].ExpiresAt
		var due []store.Record
		for _, r := range expiring {
			if !r.ExpiresAt.After(until) {
				due = append(due, r)
			}
		}
		errs = append(errs, same(until, len(all)+1, due))
	}
	return errors.Join(errs...)
}

// checkFeed reads the changes since the picture before into this one.
func (p *picture) checkFeed(ctx context.Context, s store.Store, before *picture) error {
	cursor := before.cursor
	var newest store.Rev
	for caughtUp := false; !caughtUp; {
		batch, err := s.Changes(ctx, cursor, 10)
		if err != nil {
			return fmt.Errorf("Changes: %w", err)
		}
		for _, c := range batch.Changes {
			if c.Rev <= newest {
				return fmt.Errorf("the feed tells of revision %d after %d", c.Rev, newest)
			}
			newest = c.Rev
		}
		p.changes = append(p.changes, batch.Changes...)
		if cursor, caughtUp = batch.Next, batch.CaughtUp; !caughtUp && len(batch.Changes) == 0 {
			return errors.New("the feed does not go on")
		}
	}
	if batch, err := s.Changes(ctx, p.cursor, 10); err != nil || len(batch.Changes) > 0 || !batch.CaughtUp {
		return errors.Join(fmt.Errorf("behind Head there is %+v", batch), err)
	}
	last := map[uuid.UUID]store.Rev{}
	for _, c := range p.changes {
		last[c.ID] = c.Rev
	}
	var errs []error
	for id, r := range p.records {
		was, existed := before.records[id]
		rev, changed := last[id]
		switch {
		case changed && rev != r.Rev:
			errs = append(errs, fmt.Errorf("%s changed last at %d, says the feed", describe(r), rev))
		case !changed && !existed, !changed && !equal(was, r):
			errs = append(errs, fmt.Errorf("the feed is silent of %s", describe(r)))
		case changed && existed && equal(was, r):
			errs = append(errs, fmt.Errorf("the feed tells of %s, which is as it was", describe(r)))
		}
	}
	for id, r := range before.records {
		if _, exists := p.records[id]; !exists && last[id] == 0 {
			errs = append(errs, fmt.Errorf("the feed is silent of the end of %s", describe(r)))
		}
	}
	for id := range last {
		if _, exists := p.records[id]; exists {
			continue
		}
		if r, err := s.Get(ctx, id); !errors.Is(err, store.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%v is not listed, but there by its ID: %s", id, describe(r)), err)
		}
	}
	return errors.Join(errs...)
}

// checkFree: a name that nothing stands under is not found, and can be taken
// and left again.
func checkFree(ctx context.Context, s store.Store, name string) error {
	if r, err := s.GetByName(ctx, "", name); !errors.Is(err, store.ErrNotFound) {
		return errors.Join(fmt.Errorf("%q is not listed, but there by its name: %s", name, describe(r)), err)
	}
	id := uuid.Must(uuid.NewV7())
	rev, err := s.Put(ctx, store.Record{ID: id, Name: name})
	if err != nil {
		return fmt.Errorf("nothing stands under %q, and it cannot be taken: %w", name, err)
	}
	_, err = s.Delete(ctx, id, rev)
	return err
}

func compareNames(a, b store.Record) int {
	return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name))
}

func equal(a, b store.Record) bool {
	return a.ID == b.ID && a.Registry == b.Registry && a.Name == b.Name && a.Rev == b.Rev &&
		a.ExpiresAt.Equal(b.ExpiresAt) && bytes.Equal(a.Data, b.Data)
}

func names(records []store.Record) (all []string) {
	for _, r := range records {
		all = append(all, r.Name)
	}
	return all
}

// describe shows a record without its data.
func describe(r store.Record) string {
	return fmt.Sprintf("%q (%v, revision %d, expiry %v, %d bytes)", r.Name, r.ID, r.Rev, r.ExpiresAt, len(r.Data))
}
