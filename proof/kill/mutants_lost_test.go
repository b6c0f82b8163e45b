package kill_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/memstore"
	"github.com/regtoken/regtoken/proof/internal/frontend"
	"github.com/regtoken/regtoken/store"
)

// TestIsTrue judges every answer to a write.
func TestIsTrue(t *testing.T) {
	unavailable := fmt.Errorf("%w: %w", store.ErrUnavailable, io.EOF)
	unknown := fmt.Errorf("%w: %w", store.ErrUnknown, context.DeadlineExceeded)
	for _, c := range []struct {
		answer error
		effect effect
		want   bool
	}{
		{nil, done, true}, {nil, notDone, false}, {nil, half, false},
		{unavailable, done, false}, {unavailable, notDone, true}, {unavailable, half, false},
		{unknown, done, true}, {unknown, notDone, true}, {unknown, half, false},
		{context.DeadlineExceeded, done, false}, {context.DeadlineExceeded, notDone, true},
		// A driver that repeats a write meets its own.
		{store.ErrExists, done, false}, {store.ErrConflict, done, false}, {store.ErrNotFound, done, false},
		{store.ErrExists, notDone, false},
	} {
		require.Equal(t, c.want, isTrue(c.answer, c.effect), "%v, %s", c.answer, c.effect)
	}
}

// TestEffect reads what became of writes.
func TestEffect(t *testing.T) {
	s := memstore.New()
	r := store.Record{ID: uuid.New(), Name: "name", Data: []byte("1"), ExpiresAt: store.MaxTime}
	creation := write{after: r}
	require.Equal(t, notDone, effectOf(t, s, creation))
	require.NoError(t, creation.do(t.Context(), s))
	require.Equal(t, done, effectOf(t, s, creation))
	var err error
	r, err = s.Get(t.Context(), r.ID)
	require.NoError(t, err)
	replacement, deletion := write{before: r, after: r}, write{before: r}
	replacement.after.Data = []byte("2")
	require.Equal(t, notDone, effectOf(t, s, replacement))
	require.Equal(t, notDone, effectOf(t, s, deletion))
	halfDone := replacement.after
	halfDone.ExpiresAt = store.MinTime
	_, err = s.Put(t.Context(), halfDone)
	require.NoError(t, err)
	require.Equal(t, half, effectOf(t, s, replacement))
	require.Equal(t, half, effectOf(t, s, deletion))
}

func effectOf(t *testing.T, s store.Store, w write) effect {
	t.Helper()
	became, err := w.effectIn(t.Context(), s)
	require.NoError(t, err)
	return became
}

// A scripted front-end answers what it is told to, whatever is asked.
type scripted []frontend.Reply

func (s *scripted) Do(string, frontend.Call) (frontend.Reply, error) {
	next := (*s)[0]
	*s = (*s)[1:]
	return next, nil
}

// TestSettlesFindsMutants judges Managers that answer otherwise than they
// should.
func TestSettlesFindsMutants(t *testing.T) {
	const soon, late = 0, afterTheCall
	token := frontend.Reply{ID: uuid.New(), SecretID: uuid.New(), Password: "secret"}
	there := frontend.Reply{ID: token.ID, Secrets: []uuid.UUID{token.SecretID}}
	refused := frontend.Reply{Outcome: frontend.Unauthenticated}
	answer := func(o frontend.Outcome) frontend.Reply { return frontend.Reply{Outcome: o} }
	for name, c := range map[string]struct {
		reply  frontend.Reply
		became effect
		late   bool
		retry  scripted // answers of the Manager
		other  scripted // answers of another
		found  string
	}{
		"as if nothing had happened":    {reply: token, became: done, other: scripted{{}}},
		"surely not":                    {reply: answer(frontend.Unavailable), became: notDone, retry: scripted{token}, other: scripted{{}}},
		"in doubt, and it is there":     {reply: answer(frontend.Unknown), became: done, late: true, retry: scripted{answer(frontend.NameTaken)}, other: scripted{there}},
		"in doubt, and it is not there": {reply: answer(frontend.Unknown), became: notDone, late: true, retry: scripted{token}, other: scripted{{}}},
		"in doubt twice": {
			reply: answer(frontend.Unknown), became: notDone, late: true,
			retry: scripted{answer(frontend.Unknown), answer(frontend.NameTaken)}, other: scripted{there, there},
		},
		"not there, says it is":                {reply: token, became: notDone, found: "did not happen"},
		"there, says it is not":                {reply: answer(frontend.Unavailable), became: done, found: "it happened"},
		"in doubt, without need":               {reply: answer(frontend.Unknown), became: done, found: "it happened"},
		"a second token of the name":           {reply: answer(frontend.Unknown), became: done, late: true, retry: scripted{token}, found: "once more"},
		"a name that is taken by nobody":       {reply: answer(frontend.Unknown), became: notDone, late: true, retry: scripted{answer(frontend.NameTaken)}, other: scripted{answer(frontend.NotFound)}, found: "there is no token"},
		"a credential that is not the token's": {reply: token, became: done, other: scripted{refused}, found: "the credential does not work"},
		"taken by its own first attempt":       {reply: answer(frontend.NameTaken), became: done, found: "was answered"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settling{direct: &c.other, ledger: newLedger(), seen: map[string]int{}}
			create := call{method: "Create", Call: frontend.Call{Name: "name"}}
			mend := afterTheCall
			if !c.late {
				mend = soon
			}
			err := s.judge(&c.retry, "name", create, c.reply, c.became, mend)
			requireFound(t, err, c.found)
		})
	}
	two := scripted{{Tokens: []frontend.Reply{{ID: uuid.New(), Name: "name"}, {ID: uuid.New(), Name: "name"}}}}
	_, err := listed(&two)
	require.ErrorContains(t, err, "two tokens of the name")
}
