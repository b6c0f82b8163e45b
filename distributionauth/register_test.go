package distributionauth_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry"
	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/distributionauth"
	"github.com/regtoken/regtoken/memstore"
)

func newManager(t *testing.T) *regtoken.Manager {
	t.Helper()
	m, err := regtoken.NewManager(memstore.New(), nil)
	require.NoError(t, err)
	return m
}

func TestParametersThatCannotBe(t *testing.T) {
	m := newManager(t)
	for _, row := range []struct {
		name       string
		parameters configuration.Parameters
		fields     []string
	}{
		{"none", nil, []string{"manager"}},
		{"a nil Manager", distributionauth.Auth(nil, nil).Parameters(), []string{"manager"}},
		{"the name of a Manager", configuration.Parameters{"manager": "tokens"}, []string{"manager"}},
		{"a realm that breaks out", configuration.Parameters{"manager": m, "realm": `a", charset="`}, []string{"realm"}},
		{"a realm with a newline", configuration.Parameters{"manager": m, "realm": "a\nb"}, []string{"realm"}},
		{"a realm that is no text", configuration.Parameters{"manager": m, "realm": 7}, []string{"realm"}},
		{"a misspelt parameter", configuration.Parameters{"manager": m, "relm": "a"}, []string{"auth.regtoken"}},
		{"all of it", configuration.Parameters{"realm": 7, "a": 1, "b": 2}, []string{"manager", "realm", "auth.regtoken"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			controller, err := auth.GetAccessController(distributionauth.Name, row.parameters)
			require.Nil(t, controller)
			require.ErrorIs(t, err, regtoken.ErrInvalid)
			var invalid *regtoken.ValidationError
			require.ErrorAs(t, err, &invalid)
			var fields []string
			for _, fault := range invalid.Fields() {
				fields = append(fields, fault.Field)
			}
			require.Equal(t, row.fields, fields)
			require.Panics(t, func() {
				handlers.NewApp(t.Context(), &configuration.Configuration{
					Storage: configuration.Storage{"filesystem": {"rootdirectory": t.TempDir()}},
					Auth:    configuration.Auth{distributionauth.Name: row.parameters},
				})
			})
		})
	}
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	controller, err := distributionauth.New(nil, &distributionauth.Options{Realm: "\x00"})
	require.Nil(t, controller)
	require.ErrorIs(t, err, regtoken.ErrInvalid)
	require.ErrorContains(t, err, "manager")
	require.ErrorContains(t, err, "realm")
}

func TestTheRealmOfAFile(t *testing.T) {
	config, err := configuration.Parse(strings.NewReader("version: 0.1\nstorage: inmemory\nauth:\n  regtoken:\n    realm: From the file\n"))
	require.NoError(t, err)
	config.Auth[distributionauth.Name]["manager"] = newManager(t)
	controller, err := auth.GetAccessController(config.Auth.Type(), config.Auth.Parameters())
	require.NoError(t, err)

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil)
	require.NoError(t, err)
	_, err = controller.Authorized(r)
	var challenge auth.Challenge
	require.ErrorAs(t, err, &challenge)
	require.ErrorContains(t, err, "From the file")
}

// TestAWholeRegistry is one as the command serves it, with the Handler as a
// middleware.
func TestAWholeRegistry(t *testing.T) {
	manager := newManager(t)
	_, credential, err := manager.CreateToken(t.Context(), regtoken.TokenSpec{Name: "robot"})
	require.NoError(t, err)

	socket := filepath.Join(t.TempDir(), "socket")
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": t.TempDir()},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: distributionauth.Auth(manager, nil),
	}
	config.HTTP.Net, config.HTTP.Addr = "unix", socket
	config.Log.AccessLog.Disabled = true
	registry.RegisterHandler(func(_ *configuration.Configuration, next http.Handler) http.Handler {
		return distributionauth.Handler(next)
	})
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	level := logrus.GetLevel()
	defer logrus.SetLevel(level)
	listening := make(logHook, 1)
	defer logrus.StandardLogger().ReplaceHooks(logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{
		logrus.InfoLevel: {listening},
	}))
	r, err := registry.NewRegistry(t.Context(), config)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- r.ListenAndServe() }()
	<-listening

	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	status := func(target string, login regtoken.Login) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry"+target, nil)
		require.NoError(t, err)
		request.SetBasicAuth(login.Name, login.Password.Reveal())
		answer, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusOK, status("/v2/", credential.Login()))
	require.Equal(t, http.StatusForbidden, status("/v2/_catalog", credential.Login()))
	require.Equal(t, http.StatusUnauthorized, status("/v2/_catalog", regtoken.Login{Name: "robot"}))

	require.NoError(t, r.Shutdown(t.Context()))
	require.ErrorIs(t, <-done, http.ErrServerClosed)
}

// A logHook tells when distribution has logged that it listens.
type logHook chan struct{}

func (h logHook) Levels() []logrus.Level { return []logrus.Level{logrus.InfoLevel} }

func (h logHook) Fire(e *logrus.Entry) error {
	if strings.HasPrefix(e.Message, "listening on ") {
		h <- struct{}{}
	}
	return nil
}
