package regtoken_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/memstore"
)

func TestReport(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var events []regtoken.Event
	m, err := regtoken.NewManager(memstore.New(), &regtoken.Options{
		Now:       func() time.Time { return now },
		Observers: []regtoken.Observer{func(_ context.Context, e regtoken.Event) { events = append(events, e) }},
	})
	require.NoError(t, err)
	ctx := regtoken.WithActor(t.Context(), "192.0.2.1")
	id := uuid.New()
	m.Registry("prod").Report(ctx, regtoken.Event{
		Time: now.Add(time.Hour), Actor: "someone else", Registry: "another",
		Operation: regtoken.OpAuthorize, Outcome: regtoken.Denied,
		TokenID: id, TokenName: "robot", Owner: "ann", Path: "team/app", Action: regtoken.Pull, Reason: "out of hours",
	})
	require.Equal(t, []regtoken.Event{{
		Time: now, Actor: "192.0.2.1", Registry: "prod",
		Operation: regtoken.OpAuthorize, Outcome: regtoken.Denied,
		TokenID: id, TokenName: "robot", Owner: "ann", Path: "team/app", Action: regtoken.Pull, Reason: "out of hours",
	}}, events)

	events = nil
	_, credential, err := m.CreateToken(ctx, regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)
	secret := credential.Password.Reveal()
	events = nil
	m.Registry(secret).Report(ctx, regtoken.Event{TokenName: secret, Path: "a/" + secret + strings.Repeat("/x", 200)})
	require.Len(t, events, 1)
	require.Empty(t, events[0].Registry)
	require.Empty(t, events[0].TokenName)
	require.NotContains(t, events[0].Path, secret)
	require.LessOrEqual(t, len(events[0].Path), 255)

	unobserved, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	unobserved.Report(ctx, regtoken.Event{})
}
