package etcdstore_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/internal/testetcd"
	"github.com/regtoken/regtoken/store"
)

func TestAuthentication(t *testing.T) {
	const prefix, password, wrong = "tokens/", "correct-horse", "battery-staple"
	endpoints := testetcd.Start(t, 1).Endpoints()
	admin := newClient(t, endpoints...)
	for _, step := range []func() error{
		func() error { _, err := admin.UserAdd(t.Context(), "root", password); return err },
		func() error { _, err := admin.UserGrantRole(t.Context(), "root", "root"); return err },
		func() error { _, err := admin.RoleAdd(t.Context(), "regtoken"); return err },
		func() error {
			_, err := admin.RoleGrantPermission(t.Context(), "regtoken", prefix, clientv3.GetPrefixRangeEnd(prefix),
				clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := admin.UserAdd(t.Context(), "regtoken", password); return err },
		func() error { _, err := admin.UserGrantRole(t.Context(), "regtoken", "regtoken"); return err },
		func() error { _, err := admin.AuthEnable(t.Context()); return err },
	} {
		require.NoError(t, step())
	}
	openAs := func(password, prefix string) (*etcdstore.Store, error) {
		return etcdstore.Open(t.Context(), clientv3.Config{Endpoints: endpoints, Username: "regtoken", Password: password},
			&etcdstore.Options{Prefix: prefix})
	}

	_, err := openAs(wrong, prefix)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "authentication failed")
	require.NotContains(t, err.Error(), wrong)

	_, err = openAs(password, "others/")
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "permission denied")

	s, err := openAs(password, prefix) // the rights to the prefix are all it needs
	require.NoError(t, err)
	defer s.Close()
	r := newRecord("name")
	r.ExpiresAt = store.MinTime
	waiting := awake(t.Context(), s, head(t, s))
	r = put(t, s, r)
	require.NoError(t, <-waiting)
	expired, err := s.Expired(t.Context(), store.MaxTime, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Record{r}, expired)
	page, err := s.List(t.Context(), store.Query{AllRegistries: true, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, expired, page.Records)
	_, err = s.Delete(t.Context(), r.ID, r.Rev)
	require.NoError(t, err)
}

// A cluster whose quota is used up refuses writes, and may still have made the
// one at which it noticed.
func TestQuotaUsedUp(t *testing.T) {
	s := open(t, newPrefix(), testetcd.Start(t, 1, "--quota-backend-bytes", "4194304").Endpoints()...)
	first := put(t, s, newRecord("first"))
	var err error
	for i := 0; err == nil; i++ {
		r := newRecord(strings.Repeat("n", i+1))
		r.Data = make([]byte, store.MaxData)
		_, err = s.Put(t.Context(), r)
	}
	require.ErrorIs(t, err, store.ErrUnknown)
	require.ErrorContains(t, err, "space exceeded")
	_, err = s.Delete(t.Context(), first.ID, first.Rev)
	require.ErrorContains(t, err, "space exceeded")
	got, err := s.Get(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, first, got)
}
