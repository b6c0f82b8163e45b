package kill_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/proof/internal/target"
	"github.com/regtoken/regtoken/store"
)

// open opens a store, which is closed at the end of the test at the latest.
func open(tb testing.TB, name string) store.Store {
	tb.Helper()
	s, err := target.Open(tb.Context(), name)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// look opens a store and returns what it holds.
func (p place) look(tb testing.TB, name string) *picture {
	tb.Helper()
	s := open(tb, name)
	now, err := inspect(tb.Context(), s, nil)
	require.NoError(tb, errors.Join(err, s.Close()))
	return now
}

// verify opens a store that nobody else has open any more, and verifies it.
func (p place) verify(tb testing.TB, name string, l *ledger, before *picture) *picture {
	tb.Helper()
	p.quiesce(tb, name)
	s := open(tb, name)
	now, err := verify(tb.Context(), s, l, before)
	require.NoError(tb, errors.Join(err, s.Close()))
	return now
}

// verify checks a store, to which nobody writes any more, against the ledger:
// all ways to read agree, each name is in a state that the answers allow,
// whoever holds a password gets in or not as that state says, what is free can
// be taken, and new calls work. It returns the picture to go on from. Without a
// picture before, the feed is not looked at.
func verify(ctx context.Context, s store.Store, l *ledger, before *picture) (*picture, error) {
	now, err := inspect(ctx, s, before)
	if err != nil {
		return nil, err
	}
	if before != nil {
		err = l.checkFeed(now.changes)
	} else {
		l.forgetFeed()
	}
	f, localErr := newLocalFrontEnd(s)
	if localErr != nil {
		return nil, localErr
	}
	defer f.Close()
	found, listErr := listed(f)
	if listErr != nil {
		return nil, errors.Join(err, listErr)
	}
	doubted, settleErr := l.settle(found)
	err = errors.Join(err, settleErr, checkLogins(f, l, found))
	for _, name := range doubted {
		if !found[name].exists() {
			err = errors.Join(err, checkFree(ctx, s, name))
		}
	}
	if err = errors.Join(err, checkWorks(f)); err != nil {
		return nil, err
	}
	return inspect(ctx, s, now)
}

// listed returns the state of each name that there is.
func listed(f frontEnd) (map[string]state, error) {
	r, err := f.Do("List", frontend.Call{})
	if err != nil || r.Outcome != "" {
		return nil, errors.Join(fmt.Errorf("List: %q %s", r.Outcome, r.Detail), err)
	}
	found := make(map[string]state, len(r.Tokens))
	for _, token := range r.Tokens {
		if found[token.Name].exists() {
			return nil, fmt.Errorf("there are two tokens of the name %q", token.Name)
		}
		found[token.Name] = described(token)
	}
	return found, nil
}

func checkLogins(f frontEnd, l *ledger, found map[string]state) error {
	var errs []error
	for name, s := range found {
		for _, secret := range []uuid.UUID{s.secret, s.old} {
			password := l.logins[secret]
			if password == "" {
				continue // not acknowledged, or there is none
			}
			want := frontend.Outcome("")
			if s.disabled {
				want = frontend.Unauthenticated
			}
			r, err := f.Do("Authenticate", frontend.Call{Name: name, Password: password})
			if err != nil || r.Outcome != want {
				errs = append(errs, fmt.Errorf("a login as %s, %v: %q %s", name, s, r.Outcome, r.Detail), err)
			}
		}
	}
	return errors.Join(errs...)
}

// writesToWork is how many writes checkWorks makes.
const writesToWork = 3

// checkWorks makes one call after the other on a new token.
func checkWorks(f frontEnd) error {
	var made frontend.Reply
	for _, step := range []struct {
		method string
		want   frontend.Outcome
		change func(*frontend.Call)
	}{
		{"Create", "", nil},
		{"Create", frontend.NameTaken, nil},
		{"Authenticate", "", nil},
		{"Edit", "", func(c *frontend.Call) { c.Disable = true }},
		{"Authenticate", frontend.Unauthenticated, nil},
		{"Delete", "", nil},
		{"TokenByName", frontend.NotFound, nil},
	} {
		c := frontend.Call{Name: "does-it-work", ID: made.ID, Password: made.Password}
		if step.change != nil {
			step.change(&c)
		}
		r, err := f.Do(step.method, c)
		if err != nil || r.Outcome != step.want {
			return errors.Join(fmt.Errorf("then %s: %q %s", step.method, r.Outcome, r.Detail), err)
		}
		if r.Password != "" {
			made = r
		}
	}
	return nil
}
