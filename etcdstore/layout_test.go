package etcdstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/regtoken/regtoken/etcdstore"
	"github.com/regtoken/regtoken/store"
)

// What an operator sees is part of the promise, and so is that data written by
// one version can be read by the next.
func TestLayout(t *testing.T) {
	prefix := newPrefix()
	s := open(t, prefix, cluster.Endpoints()...)
	r := store.Record{
		ID:       uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Registry: "eu", Name: "ci-runner", Data: []byte("{\"v\": 1}\n\x00\xff"),
		ExpiresAt: time.Date(2030, 5, 1, 12, 0, 0, int(time.Millisecond), time.FixedZone("", 3600)),
	}
	put(t, s, r)
	found, err := newClient(t, cluster.Endpoints()[0]).Get(t.Context(), prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	got := make(map[string]string)
	for _, kv := range found.Kvs {
		got[string(kv.Key)[len(prefix):]] = string(kv.Value)
	}
	require.Regexp(t, `^\{"nonce":"[A-Z2-7]{26}","id":"01890a5d-ac96-774b-bcce-b302099a8057"\}$`, got["@head"])
	delete(got, "@head")
	require.Equal(t, map[string]string{
		"@format":                "1",
		"@token/eu\x00ci-runner": `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","expiresAt":"2030-05-01T11:00:00.001Z"}` + "\n" + string(r.Data),
		"@id/01890a5d-ac96-774b-bcce-b302099a8057":                              "eu\x00ci-runner",
		"@expiry/2030-05-01T11:00:00.001Z/01890a5d-ac96-774b-bcce-b302099a8057": "eu\x00ci-runner",
	}, got)
}

// No key is left behind but those of the store itself.
func TestNothingIsLeftBehind(t *testing.T) {
	prefix := newPrefix()
	s := open(t, prefix, cluster.Endpoints()...)
	r := newRecord("name")
	r.ExpiresAt = store.MinTime
	r = put(t, s, r)
	r.ExpiresAt = store.MaxTime
	r = put(t, s, r)
	r.ExpiresAt = time.Time{}
	r = put(t, s, r)
	r.ExpiresAt = store.MaxTime
	r = put(t, s, r)
	_, err := s.Delete(t.Context(), r.ID, r.Rev)
	require.NoError(t, err)
	left, err := newClient(t, cluster.Endpoints()[0]).Get(t.Context(), prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	require.Len(t, left.Kvs, 2)
	require.Equal(t, prefix+"@format", string(left.Kvs[0].Key))
	require.Equal(t, prefix+"@head", string(left.Kvs[1].Key))
}

func TestPrefixesAreApart(t *testing.T) {
	base := newPrefix()
	prefixes := []string{base, base + "x", base + "x/", base + "token/", base + "\x00", base + "\xff"}
	other := newClient(t, cluster.Endpoints()[0])
	var others []string
	for _, prefix := range prefixes {
		for _, suffix := range []string{"", "a", "~", "\xff\xff"} {
			others = append(others, prefix+suffix)
			_, err := other.Put(t.Context(), prefix+suffix, "other")
			require.NoError(t, err)
		}
	}
	r := newRecord("name")
	r.ExpiresAt = store.MinTime
	stores := make([]*etcdstore.Store, len(prefixes))
	records := make([]store.Record, len(prefixes))
	cursors := make([]store.Cursor, len(prefixes))
	for i, prefix := range prefixes {
		stores[i] = open(t, prefix, cluster.Endpoints()...)
		records[i] = put(t, stores[i], r)
		cursors[i] = head(t, stores[i])
	}
	gone := records[0]
	_, err := stores[0].Delete(t.Context(), gone.ID, gone.Rev)
	require.NoError(t, err)
	for i, s := range stores[1:] {
		page, err := s.List(t.Context(), store.Query{AllRegistries: true, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []store.Record{records[i+1]}, page.Records)
		found, err := s.Expired(t.Context(), store.MaxTime, 10)
		require.NoError(t, err)
		require.Equal(t, page.Records, found)
		require.Empty(t, drain(t, s, cursors[i+1], 10))
	}
	for _, key := range others {
		found, err := other.Get(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, found.Kvs, 1)
		require.EqualValues(t, 1, found.Kvs[0].Version, "%q was written by a store", key)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	prefix := newPrefix()
	client := newClient(t, cluster.Endpoints()...)
	_, err := client.Put(t.Context(), prefix+"@format", "2")
	require.NoError(t, err)
	_, err = etcdstore.New(t.Context(), client, &etcdstore.Options{Prefix: prefix})
	require.ErrorContains(t, err, `of format "2"`)
	found, err := client.Get(t.Context(), prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	require.Len(t, found.Kvs, 1, "nothing was written")
}

func TestOptions(t *testing.T) {
	client := newClient(t, cluster.Endpoints()...)
	for _, opts := range []*etcdstore.Options{{Prefix: "a@b/"}, {Timeout: -1}} {
		_, err := etcdstore.New(t.Context(), client, opts)
		require.ErrorIs(t, err, store.ErrInvalid)
	}
	s, err := etcdstore.New(t.Context(), client, nil)
	require.NoError(t, err)
	defer s.Close()
	put(t, s, newRecord(newPrefix()))
	found, err := client.Get(t.Context(), "regtoken/@token/registry\x00test-", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	require.Positive(t, found.Count)
}

func TestDamagedRecord(t *testing.T) {
	prefix := newPrefix()
	client := newClient(t, cluster.Endpoints()...)
	s := open(t, prefix, cluster.Endpoints()...)
	for key, value := range map[string]string{
		"registry\x00no JSON":   "no JSON",
		"registry\x00no time":   `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","expiresAt":"soon"}` + "\n",
		"registry without name": `{"id":"01890a5d-ac96-774b-bcce-b302099a8057"}` + "\n",
	} {
		_, err := client.Put(t.Context(), prefix+"@token/"+key, value)
		require.NoError(t, err)
		_, err = s.List(t.Context(), store.Query{AllRegistries: true, Limit: 1})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.ErrorContains(t, err, "is not what this store writes")
		_, err = client.Delete(t.Context(), prefix+"@token/"+key)
		require.NoError(t, err)
	}
}
