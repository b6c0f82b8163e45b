package pgstore_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

func TestManyOpenAtOnce(t *testing.T) {
	const n = 12
	url := cluster.URL(cluster.CreateDatabase(t))
	stores, errs := make([]*pgstore.Store, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { stores[i], errs[i] = pgstore.Open(context.Background(), url, nil) })
	}
	all.Wait()
	for i := range n {
		require.NoError(t, errs[i])
		defer stores[i].Close()
		require.EqualValues(t, i+1, create(t, stores[i], i).Rev)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	database := cluster.CreateDatabase(t)
	open(t, cluster.URL(database), nil)
	cluster.SQL(t, database, "UPDATE regtoken.schema_version SET version = 1000")
	_, err := pgstore.Open(t.Context(), cluster.URL(database), nil)
	require.ErrorContains(t, err, `schema "regtoken" has version 1000, and this package knows versions up to 3`)
}

func TestSchemasAreSeparate(t *testing.T) {
	url := cluster.URL(cluster.CreateDatabase(t))
	var cursors []store.Cursor
	for i, schema := range []string{
		"", "Regtoken", "with space", `a"b`, "a'b", "$1", "{schema}", "{channel}", "é", "; --", strings.Repeat("s", 63),
	} {
		s := open(t, url, &pgstore.Options{Schema: schema})
		for _, foreign := range cursors {
			_, err := s.Changes(t.Context(), foreign, 1)
			require.ErrorIs(t, err, store.ErrCursorExpired)
		}
		cursors = append(cursors, head(t, s))
		require.EqualValues(t, 1, create(t, s, i).Rev, schema)
	}
}

func TestInvalidOptions(t *testing.T) {
	for name, opts := range map[string]pgstore.Options{
		"too long a schema":    {Schema: strings.Repeat("s", 64)},
		"NUL in the schema":    {Schema: "a\x00"},
		"a schema not in UTF8": {Schema: "\xff"},
		"a negative feed":      {FeedSize: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgstore.Open(t.Context(), cluster.URL(""), &opts)
			require.ErrorIs(t, err, store.ErrInvalid)
		})
	}
}

// as returns the connection string of a new role in a database.
func as(t *testing.T, database string, grants ...string) string {
	t.Helper()
	role := "role_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	cluster.SQL(t, database, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'open sesame'", role))
	t.Cleanup(func() { cluster.SQL(t, database, fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)) })
	for _, grant := range grants {
		cluster.SQL(t, database, strings.ReplaceAll(grant, "ROLE", role))
	}
	u, err := url.Parse(cluster.URL(database))
	require.NoError(t, err)
	u.User = url.UserPassword(role, "open sesame")
	return u.String()
}

func TestRights(t *testing.T) {
	// What the package's documentation says to grant.
	useIt := []string{
		"GRANT USAGE ON SCHEMA regtoken TO ROLE",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA regtoken TO ROLE",
	}
	for _, test := range []struct {
		name    string
		made    bool // by another role, before
		grants  []string
		openErr error
	}{
		{"may create schemas", false, []string{"GRANT CREATE ON DATABASE DATABASE TO ROLE"}, nil},
		{"owns an empty schema", false, []string{"CREATE SCHEMA regtoken AUTHORIZATION ROLE"}, nil},
		{"may use what is there", true, useIt, nil},
		{"may not create schemas", false, nil, store.ErrUnavailable},
		{"may not use what is there", true, nil, store.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			database := cluster.CreateDatabase(t)
			if test.made {
				open(t, cluster.URL(database), nil)
			}
			for i := range test.grants {
				test.grants[i] = strings.ReplaceAll(test.grants[i], "DATABASE DATABASE", "DATABASE "+database)
			}
			s, err := pgstore.Open(t.Context(), as(t, database, test.grants...), nil)
			require.ErrorIs(t, err, test.openErr)
			if err != nil {
				require.ErrorContains(t, err, "permission denied")
				return
			}
			defer s.Close()
			r := create(t, s, 1)
			r = put(t, s, r)
			_, err = s.Delete(t.Context(), r.ID, r.Rev)
			require.NoError(t, err)
		})
	}
}

// Plans that a session made while the tables were small are good for large
// ones, too: each reads by an index.
func TestPlansAreGoodForGrowth(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	create(t, s, 0)
	const calls = `
		SELECT FROM regtoken.put(gen_random_uuid(), 'registry', 'name-00000000', NULL, '', 0, 1000);
		SELECT FROM regtoken.put(gen_random_uuid(), 'registry', 'name', NULL, '', 1, 1000);
		SELECT FROM regtoken.remove(gen_random_uuid(), 1, 1000);
		SELECT FROM regtoken.write_all(ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()],
			'{registry,registry,registry,NULL}', '{name-00000000,new,none,NULL}', '{NULL,NULL,NULL,NULL}', '{"","","",NULL}',
			'{0,0,1,1}', 1000);
		SELECT regtoken.write_one(gen_random_uuid(), 'registry', 'name-00000000', NULL, '', 0, 1000, true);
		SELECT regtoken.write_one(gen_random_uuid(), 'registry', 'none', NULL, '', 1, 1000, true);
		SELECT regtoken.write_one(gen_random_uuid(), NULL, NULL, NULL, NULL, 1, 1000, true);
		SELECT FROM regtoken.by_id(gen_random_uuid());
		SELECT FROM regtoken.by_name('registry', 'none');
		SELECT FROM regtoken.list('registry', 'n', NULL, 1);
		SELECT FROM regtoken.list_all('registry', 'n', 'n', 1);
		SELECT FROM regtoken.expired(0, 1);
		SELECT FROM regtoken.changes_from(1, 1);`
	got := cluster.SQL(t, database, "ANALYZE; BEGIN;"+strings.Repeat(calls, 8)+`
		SELECT relname, seq_scan FROM pg_stat_xact_user_tables ORDER BY relname; COMMIT`)
	lines := strings.Split(got, "\n")
	require.Equal(t, []string{"changes|0", "head|0", "records|0", "schema_version|0"}, lines[len(lines)-4:])
}

func TestViewForOperators(t *testing.T) {
	database := cluster.CreateDatabase(t)
	s := open(t, cluster.URL(database), nil)
	records := []store.Record{newRecord(0), newRecord(1), newRecord(2), newRecord(3)}
	records[0].Data = []byte(`{"owner": "ann", "scopes": ["repository:*:pull"]}`)
	records[0].ExpiresAt = store.MaxTime
	records[1].Data, records[1].ExpiresAt = []byte("\xff no JSON"), store.MinTime
	records[2].Data, records[2].ExpiresAt = []byte(`"\u0000 is valid JSON, but not to PostgreSQL"`), time.UnixMilli(-1)
	records[3].Data, records[3].Name = nil, "näme"
	for _, r := range records {
		put(t, s, r)
	}
	sql := `SET timezone = 'UTC'; SELECT registry, name, expires_at, data->>'owner', data IS NULL, rev FROM regtoken.tokens ORDER BY rev`
	want := `registry|name-00000000|9999-12-31 23:59:59.999+00|ann|f|1
registry|name-00000001|0001-01-01 00:00:00.001+00||t|2
registry|name-00000002|1969-12-31 23:59:59.999+00||t|3
registry|näme|||t|4`
	require.Equal(t, want, cluster.SQL(t, database, sql))

	reader := newPool(t, as(t, database, "GRANT USAGE ON SCHEMA regtoken TO ROLE", "GRANT SELECT ON regtoken.tokens TO ROLE"))
	var owner string
	require.NoError(t, reader.QueryRow(t.Context(), `SELECT data->>'owner' FROM regtoken.tokens WHERE id = $1`, records[0].ID).Scan(&owner))
	require.Equal(t, "ann", owner)
}
