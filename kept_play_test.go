package regtoken_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// TestWhatIsKeptIsInvisible plays the same random calls twice: with a front-end
// that keeps tokens, and hears late or not at all of what others do, and with
// one that keeps none. Whatever they return, tell the observers and leave in the
// store is the same.
func TestWhatIsKeptIsInvisible(t *testing.T) {
	var spared int64
	for seed := range uint64(60) {
		var stories [2][]string
		var reads [2]int64
		for i, size := range []int{100, -1} {
			inFleet(t, regtoken.Options{CacheSize: size, MinLifetime: 1}, func(t *testing.T, f *fleet) {
				p := &play{fleet: f, random: rand.New(rand.NewPCG(seed, 1)), places: map[uuid.UUID]string{}}
				for range 120 {
					p.step(t)
				}
				stories[i], reads[i] = p.story, f.remote.reads.Load()
			})
		}
		for i := range stories[1] {
			require.Equal(t, stories[1][i], stories[0][i], "seed %d, line %d", seed, i)
		}
		spared += reads[1] - reads[0]
	}
	require.Greater(t, spared, int64(500), "or nothing is shown")
}

// A play is random calls, and the story of what came of them, in which IDs are
// called by the order in which they came up.
type play struct {
	*fleet
	random *rand.Rand
	tokens []uuid.UUID
	logins []regtoken.Login
	places map[uuid.UUID]string
	story  []string
}

func (p *play) place(id uuid.UUID) string {
	if _, ok := p.places[id]; !ok {
		p.places[id] = fmt.Sprintf("#%d", len(p.places))
	}
	return p.places[id]
}

func (p *play) show(t regtoken.Token) string {
	text := fmt.Sprintf("%s %s %s %v %v %v", p.place(t.ID), t.Name, t.Owner, t.Status, t.ExpiresAt.UnixNano(), t.Scopes)
	for _, s := range t.Secrets {
		text += fmt.Sprintf(" (%s %v %v)", p.place(s.ID), s.CreatedAt.UnixNano(), s.ExpiresAt.UnixNano())
	}
	return text
}

func (p *play) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

// step makes one call of the front-end, or something happens around it.
func (p *play) step(t *testing.T) {
	scopes := []regtoken.Scope{scope("repository:a:pull"), scope("repository:b/*:pull,push"), scope("registry:*:list")}
	ctx, m := t.Context(), p.Manager
	op := p.random.IntN(14)
	byOther := p.random.IntN(4) == 0
	if byOther {
		m = p.admin
	}
	one := scopes[p.random.IntN(len(scopes))]
	lifetime := time.Duration(1+p.random.IntN(5)) * time.Second
	if len(p.tokens) == 0 {
		op = 0
	}
	var id uuid.UUID
	if n := len(p.tokens); n > 0 {
		id = p.tokens[max(0, n-1-p.random.IntN(4))]
	}
	var got regtoken.Token
	var c regtoken.Credential
	var err error
	switch op {
	case 0, 1:
		spec := regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", p.random.IntN(8)), Owner: "me", Scopes: scopes[:p.random.IntN(3)]}
		if got, c, err = m.CreateToken(ctx, spec); err == nil {
			p.tokens = append(p.tokens, got.ID)
		}
	case 2:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Disabled})
	case 3:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Status: regtoken.Enabled})
	case 4:
		got, err = p.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.SetLifetime(lifetime)})
	case 5:
		got, err = m.EditToken(ctx, id, regtoken.Edit{Expiry: regtoken.ClearExpiry()})
	case 6:
		got, err = m.AddScopes(ctx, id, one)
	case 7:
		got, err = m.RemoveScope(ctx, id, one)
	case 8:
		got, err = m.RemoveAllScopes(ctx, id)
	case 9:
		c, err = m.RotateSecret(ctx, id, lifetime*time.Duration(p.random.IntN(2)))
	case 10:
		got, err = m.RetireOldSecret(ctx, id)
	case 11:
		if p.random.IntN(2) == 0 {
			err = m.DeleteToken(ctx, id)
		}
	case 12:
		if p.remote.changes.set(through); p.random.IntN(3) == 0 {
			p.remote.changes.set(cut)
		}
		time.Sleep(time.Duration(p.random.IntN(int(2 * poll))))
	case 13:
		// A login may go by what is kept up to the bound: only one that the
		// store admits has to be admitted.
		if len(p.logins) > 0 {
			login := p.logins[p.random.IntN(len(p.logins))]
			if _, refused := p.admin.Authenticate(ctx, login); refused == nil {
				_, err = p.Authenticate(ctx, login)
				require.NoError(t, err)
			}
		}
	}
	if c.Name != "" {
		p.logins = append(p.logins, c.Login())
		got.Secrets = append(got.Secrets, regtoken.Secret{ID: c.SecretID})
	}
	p.tell("%d by other %v: %v, %s", op, byOther, err, p.show(got))
	for _, e := range p.log.Take() {
		if e.Operation != regtoken.OpAuthenticate && e.Operation != regtoken.OpRefresh {
			p.tell("%v %v %v %s %s %v %v", e.Operation, e.Outcome, p.place(e.TokenID), e.TokenName, e.Owner, e.Scopes, errors.Unwrap(e.Err))
		}
	}
	if id != uuid.Nil {
		stands, err := p.admin.Token(ctx, id)
		p.tell("%v %s", err, p.show(stands))
	}
}
