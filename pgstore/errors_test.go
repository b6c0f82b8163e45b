package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/pgstore"
	"github.com/regtoken/regtoken/store"
)

func TestSurelyNothing(t *testing.T) {
	answer := func(severity, code string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code})
	}
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"a full disk", answer("ERROR", "53100"), true},
		{"a standby", answer("ERROR", "25006"), true},
		{"a lock timeout", answer("ERROR", "55P03"), true},
		{"a statement timeout, or cancelled", answer("ERROR", "57014"), true},
		{"a serialization failure", answer("ERROR", "40001"), true},
		{"a deadlock", answer("ERROR", "40P01"), true},
		{"no right", answer("ERROR", "42501"), true},
		{"a localized severity alone", &pgconn.PgError{Severity: "FEHLER", Code: "42501"}, true},

		{"completion unknown", answer("ERROR", "40003"), false},
		{"a pooler lost its server", answer("ERROR", "08006"), false},
		{"a pooler gave up", answer("FATAL", "08P01"), false},
		{"terminated", answer("FATAL", "57P01"), false},
		{"terminated, by a pooler's account", answer("", "57P01"), false},
		{"another session crashed", answer("WARNING", "57P02"), false},
		{"any fatal error", answer("FATAL", "XX000"), false},
		{"a panic", answer("PANIC", "53100"), false},
		{"the connection broke", io.ErrUnexpectedEOF, false},
		{"ctx ended while it was under way", context.Canceled, false},
		{"an unknown error", errors.New("unknown"), false},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, pgstore.SurelyNothing(test.err)) })
	}
}

func TestPasswordIsInNoError(t *testing.T) {
	const password = "hunter2secret"
	good, err := url.Parse(cluster.URL(""))
	require.NoError(t, err)
	wrong := *good
	wrong.User = url.UserPassword("postgres", password)
	nowhere := wrong
	nowhere.Host = "127.0.0.1:1"
	noDatabase := wrong
	noDatabase.Path = "/none"

	for name, connString := range map[string]string{
		"the wrong password": wrong.String(),
		"no server":          nowhere.String(),
		"no database":        noDatabase.String(),
		// What cannot be parsed:
		"a bad port":            "postgres://user:" + password + "@host:port/db",
		"a slash in it":         "postgres://user:x/" + password + "@host/db",
		"a percent sign in it":  "postgres://user:%zz" + password + "@host/db",
		"a query":               "postgres://host/db?password=" + password + "&sslmode=none",
		"spaces about the sign": "user=u password = " + password + " port=x",
		"a quote in it":         `user=u password='it\'s ` + password + `' port=x`,
		"a space in it":         "user=u password=my " + password,
		"a bad pool parameter":  "user=u password=" + password + " pool_max_conns=" + password,
		"upper case":            "PASSWORD=" + password + " port=x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgstore.Open(t.Context(), connString, nil)
			require.Error(t, err)
			for ; err != nil; err = errors.Unwrap(err) {
				for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
					require.NotContains(t, text, password)
				}
			}
		})
	}
}

func TestOpenWithoutServer(t *testing.T) {
	nowhere := cluster.URLVia("127.0.0.1:1", "")
	_, err := pgstore.Open(t.Context(), nowhere, nil)
	require.ErrorIs(t, err, store.ErrUnavailable)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = pgstore.Open(ended, nowhere, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = pgstore.New(ended, newPool(t, nowhere), nil)
	require.ErrorIs(t, err, context.Canceled)
}
