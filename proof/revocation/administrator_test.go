package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken"
)

const (
	// tokensEach is how many tokens an administrator has.
	tokensEach = 3

	// afterlife is for how many bounds a credential that is dead is still
	// tried.
	afterlife = 3

	// patience is how long anything may take that must come.
	patience = 2 * time.Minute

	// path is what tokens may be used for, by one of their scopes.
	path = "team/app"

	// fatScopes is how many scopes half of the tokens have: their records
	// have about fatSize bytes, and weigh fatWeight in a cache.
	fatScopes = 500
	fatSize   = 32 << 10
	fatWeight = 1 + 2*fatSize/(4<<10) // and some to spare
)

// scopes are those of a fat token; a thin one has the first.
var scopes = func() []regtoken.Scope {
	all := []regtoken.Scope{{Type: regtoken.RepositoryType, Path: "team/*", Actions: regtoken.Pull}}
	for i := range fatScopes - 1 {
		path := fmt.Sprintf("department-%03d/group-of-teams/team/*", i)
		all = append(all, regtoken.Scope{Type: regtoken.RepositoryType, Path: path, Actions: regtoken.Pull})
	}
	return all
}()

// An administrator creates tokens and revokes them, each in one of the ways
// there are.
type administrator struct {
	manager *regtoken.Manager
	ledger  *ledger
	random  *rand.Rand
	bound   time.Duration
}

// A way ends a life, and brings another one to follow it.
type way struct {
	name   string
	revoke func(ctx context.Context, a *administrator, l *life) error

	// next begins the life that follows. revived says that the credential is
	// about to be good again.
	next func(ctx context.Context, a *administrator, l *life, revived func()) (*life, error)
}

var ways = []way{
	{
		"disable",
		func(ctx context.Context, a *administrator, l *life) error {
			return a.setStatus(ctx, l, regtoken.Disabled)
		},
		func(ctx context.Context, a *administrator, l *life, revived func()) (*life, error) {
			revived()
			if err := a.setStatus(ctx, l, regtoken.Enabled); err != nil {
				return nil, err
			}
			return a.ledger.begin(l.id, l.Name, l.Password, l.scopes), nil
		},
	},
	{
		"delete",
		func(ctx context.Context, a *administrator, l *life) error {
			return insist(ctx, func(ctx context.Context) error {
				err := a.manager.DeleteToken(ctx, l.id)
				if errors.Is(err, regtoken.ErrNotFound) { // by the attempt before
					return nil
				}
				return err
			})
		},
		func(ctx context.Context, a *administrator, _ *life, _ func()) (*life, error) { return a.create(ctx) },
	},
	{
		"rotate",
		func(ctx context.Context, a *administrator, l *life) error {
			var credential regtoken.Credential
			err := insist(ctx, func(ctx context.Context) (err error) {
				credential, err = a.manager.RotateSecret(ctx, l.id, 0)
				return err
			})
			l.successor = credential.Password
			return err
		},
		func(_ context.Context, a *administrator, l *life, _ func()) (*life, error) {
			return a.ledger.begin(l.id, l.Name, l.successor.Reveal(), l.scopes), nil
		},
	},
	{
		"remove all scopes",
		func(ctx context.Context, a *administrator, l *life) error {
			return insist(ctx, func(ctx context.Context) error {
				_, err := a.manager.RemoveAllScopes(ctx, l.id)
				return err
			})
		},
		func(ctx context.Context, a *administrator, l *life, revived func()) (*life, error) {
			revived()
			err := insist(ctx, func(ctx context.Context) error {
				_, err := a.manager.AddScopes(ctx, l.id, l.scopes...)
				return err
			})
			if err != nil {
				return nil, err
			}
			return a.ledger.begin(l.id, l.Name, l.Password, l.scopes), nil
		},
	},
}

// work revokes until quota is used up or ctx has ended; what is under way then
// it brings to its end.
func (a *administrator) work(ctx context.Context, quota *atomic.Int64) error {
	var living []*life
	for range tokensEach {
		born, err := a.create(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		living = append(living, born)
	}
	i := 0
	for elapse(ctx, time.Duration(a.random.Int64N(int64(a.bound)))) && quota.Add(-1) >= 0 {
		if a.random.IntN(4) == 0 { // else the youngest, which may just be read for the first time
			i = a.random.IntN(len(living))
		}
		next, err := a.revoke(context.WithoutCancel(ctx), living[i], ways[a.random.IntN(len(ways))])
		if err != nil {
			return err
		}
		living[i] = next
	}
	return nil
}

// revoke ends a life, lets it be tried for a while, and returns the next.
func (a *administrator) revoke(ctx context.Context, l *life, by way) (*life, error) {
	a.ledger.note(&l.doomed)
	if err := by.revoke(ctx, a, l); err != nil {
		return nil, fmt.Errorf("%s: %w", by.name, err)
	}
	a.ledger.note(&l.dead)
	elapse(ctx, afterlife*a.bound)
	a.ledger.drop(l)
	next, err := by.next(ctx, a, l, func() { a.ledger.note(&l.revived) })
	if err != nil {
		return nil, fmt.Errorf("after %s: %w", by.name, err)
	}
	return next, nil
}

func (a *administrator) create(ctx context.Context) (*life, error) {
	some := scopes
	if a.random.IntN(2) == 0 {
		some = scopes[:1]
	}
	var token regtoken.Token
	var credential regtoken.Credential
	err := insist(ctx, func(ctx context.Context) (err error) {
		token, credential, err = a.manager.CreateToken(ctx, regtoken.TokenSpec{
			Name:   "t" + uuid.NewString(), // a new one each time: the one before may have been made
			Scopes: some,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return a.ledger.begin(token.ID, credential.Name, credential.Password.Reveal(), some), nil
}

func (a *administrator) setStatus(ctx context.Context, l *life, status regtoken.Status) error {
	return insist(ctx, func(ctx context.Context) error {
		_, err := a.manager.EditToken(ctx, l.id, regtoken.Edit{Status: status})
		return err
	})
}

// insist makes a call until it is acknowledged.
func insist(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		attempt, done := context.WithTimeout(ctx, 5*time.Second)
		err := call(attempt)
		done()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, regtoken.ErrUnavailable) && !errors.Is(err, regtoken.ErrOutcomeUnknown) && !errors.Is(err, regtoken.ErrConflict):
			return err
		case !elapse(ctx, 10*time.Millisecond):
			return err
		}
	}
}
