package distributionauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
)

func TestObserversAreTold(t *testing.T) {
	s := newSite(t)
	login := s.login("robot", "repository:team/app:pull,push", "registry:team/*:list")
	type told struct {
		operation regtoken.Operation
		outcome   regtoken.Outcome
		path      string
		action    regtoken.Action
		reason    regtoken.Reason
	}
	authenticated := told{regtoken.OpAuthenticate, regtoken.Succeeded, "", 0, ""}
	for _, row := range []struct {
		method, target string
		told           []told
	}{
		{http.MethodGet, "/v2/", []told{authenticated}},
		{http.MethodPost, "/v2/team/app/blobs/uploads/", []told{
			authenticated,
			{regtoken.OpAuthorize, regtoken.Succeeded, "team/app", regtoken.Pull | regtoken.Push, ""},
		}},
		{http.MethodPost, "/v2/team/app/blobs/uploads/?mount=MORE&from=team/app&from=other/lib", []told{
			authenticated,
			{regtoken.OpAuthorize, regtoken.Succeeded, "team/app", regtoken.Pull | regtoken.Push, ""},
			{regtoken.OpAuthorize, regtoken.Denied, "other/lib", regtoken.Pull, regtoken.ReasonNoScope},
		}},
		{http.MethodDelete, "/v2/team/app/manifests/v1", []told{
			authenticated,
			{regtoken.OpAuthorize, regtoken.Denied, "team/app", regtoken.Admin, regtoken.ReasonMissingAction},
		}},
		{http.MethodGet, "/v2/_catalog", []told{
			authenticated,
			{regtoken.OpAuthorize, regtoken.Denied, "", regtoken.List, distributionauth.ReasonWholeListing},
		}},
		{http.MethodPatch, "/v2/team/app/manifests/v1", nil},
	} {
		t.Run(row.method+" "+row.target, func(t *testing.T) {
			s.told()
			s.do(s.request(s.handled, row.method, s.fill(row.target), "", nil, login))
			var got []told
			for _, e := range s.told() {
				got = append(got, told{e.Operation, e.Outcome, e.Path, e.Action, e.Reason})
				require.Equal(t, "robot", e.TokenName)
				require.Equal(t, "127.0.0.1", e.Actor)
			}
			require.Equal(t, row.told, got)
		})
	}
}

func TestTheActor(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		peer, named, actor string
	}{
		{"192.0.2.1:1234", "", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:1234", "", "192.0.2.1"},
		{"[fe80::1%eth0]:1234", "", "fe80::1"},
		{"@", "", ""}, // a Unix socket
		{"192.0.2.1:1234", "198.51.100.7", "198.51.100.7"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		r.RemoteAddr = row.peer
		r.Header.Set("X-Forwarded-For", "203.0.113.9") // anyone may write that
		if row.named != "" {
			r = r.WithContext(regtoken.WithActor(context.Background(), row.named))
		}
		r.SetBasicAuth(s.root.Name, s.root.Password.Reveal())
		s.told()
		s.app.ServeHTTP(httptest.NewRecorder(), r)
		events := s.told()
		require.Len(t, events, 1)
		require.Equal(t, row.actor, events[0].Actor)
	}
}

// TestDistributionKnowsWhoActs: that is what its log and its notifications say.
func TestDistributionKnowsWhoActs(t *testing.T) {
	s := newSite(t)
	login := s.login("who-acts-here", "repository:*:pull")
	require.Equal(t, http.StatusOK, s.get("/v2/team/app/manifests/v1", login).status)
	require.Contains(t, logged.String(), "auth.user.name=who-acts-here")
	require.NotContains(t, logged.String(), login.Password.Reveal())
	require.NotContains(t, logged.String(), s.root.Password.Reveal())
}
