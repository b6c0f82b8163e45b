package regtoken_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// Made once, by the rule of the format and nothing of this library.
const vector = "rgt_0123456789ABCDEFGHIJKLMNOPQRSTUV"

func TestSecretFormat(t *testing.T) {
	r := newRig(t, func(_ *rig, o *regtoken.Options) { o.SecretPrefix = "corp9" })
	pattern := regexp.MustCompile("^" + regtoken.SecretPattern + "$")
	seen := map[string]bool{}
	for i := range 200 {
		_, c := r.create(t, regtoken.TokenSpec{Name: fmt.Sprintf("token-%d", i)})
		secret := c.Password.Reveal()
		require.True(t, strings.HasPrefix(secret, "corp9_"))
		require.Regexp(t, pattern, secret)
		require.Equal(t, checksum(secret[:len(secret)-6]), secret[len(secret)-6:])
		require.False(t, seen[secret])
		seen[secret] = true
	}
}

// checksum is the reference: CRC-32 in six digits of base 62.
func checksum(text string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n, out := crc32.ChecksumIEEE([]byte(text)), ""
	for range 6 {
		out = string(digits[n%62]) + out
		n /= 62
	}
	return out
}

func TestSecretOfAnotherPrefixStaysGood(t *testing.T) {
	r := newRig(t)
	_, credential := r.create(t, regtoken.TokenSpec{Name: "old-prefix"})
	renamed, err := regtoken.NewManager(r.store, &regtoken.Options{SecretPrefix: "new", Now: r.clock.Now})
	require.NoError(t, err)
	_, err = renamed.Authenticate(t.Context(), credential.Login())
	require.NoError(t, err)
}

func TestFindSecrets(t *testing.T) {
	good := vector + checksum(vector)
	other := "ab_" + strings.Repeat("Z", 32)
	other += checksum(other)
	for text, want := range map[string][]string{
		"":                             nil,
		good:                           {good},
		"password: " + good + "\n":     {good},
		"my" + good:                    {good}, // a longer prefix, by its looks
		good + "0":                     {good},
		good + other:                   {good, other},
		"_" + good + "_" + other + "_": {good, other},
		good[:len(good)-1]:             nil,
		good[1:]:                       nil,
		strings.ToUpper(good):          nil,
		vector + "000000":              nil,
		"9" + other:                    {other},
		strings.Repeat("_", 100):       nil,
		strings.Repeat("a_", 50):       nil,
		"é" + good + "é":               {good},
	} {
		var got []string
		for _, span := range regtoken.FindSecrets(text) {
			got = append(got, text[span[0]:span[1]])
		}
		require.Equal(t, want, got, text)
	}
}

// The reference: every place, every length, checked by the rule.
func FuzzFindSecrets(f *testing.F) {
	good := vector + checksum(vector)
	f.Add(good, 0)
	f.Add("x"+good+good, 40)
	f.Add("a_b_"+good, 7)
	whole := regexp.MustCompile("^" + regtoken.SecretPattern + "$")
	f.Fuzz(func(t *testing.T, text string, at int) {
		if at >= 0 && at <= len(text) {
			text = text[:at] + good + text[at:]
		}
		var want [][]int
		for start := 0; start < len(text); start++ {
			for end := start + 41; end <= min(len(text), start+55); end++ {
				s := text[start:end]
				if whole.MatchString(s) && checksum(s[:len(s)-6]) == s[len(s)-6:] {
					want = append(want, []int{start, end})
					start = end - 1
					break
				}
			}
		}
		require.Equal(t, want, regtoken.FindSecrets(text), "%q", text)
	})
}

func TestPasswordStaysSecret(t *testing.T) {
	r := newRig(t)
	_, credential := r.create(t, regtoken.TokenSpec{Name: "secretive"})
	secret := credential.Password.Reveal()
	login := credential.Login()
	type hidden struct {
		login      regtoken.Login
		credential *regtoken.Credential
	}
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, nil))
	texter := slog.New(slog.NewTextHandler(&logged, nil))
	grant, err := r.Authenticate(t.Context(), login)
	require.NoError(t, err)
	var shown strings.Builder
	for _, value := range []any{
		credential.Password, &credential.Password, credential, &credential, login, &login, []regtoken.Login{login},
		map[string]regtoken.Credential{"c": credential}, hidden{login, &credential}, &hidden{login, &credential},
		grant, r.Manager, fmt.Errorf("wrapped: %v", login), regtoken.Event{},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20.3v", "%t"} {
			fmt.Fprintf(&shown, verb+"\n", value)
		}
		assert.Equal(printer{&shown}, "another", value) // what a user's failing test prints
		logger.Info("shown", "value", value)
		texter.Info("shown", "value", value)
		if encoded, err := json.Marshal(value); err == nil {
			shown.Write(encoded)
		}
		if encoded, err := xml.Marshal(value); err == nil {
			shown.Write(encoded)
		}
	}
	all := shown.String() + logged.String()
	require.NotContains(t, all, secret)
	require.NotContains(t, all, fmt.Sprintf("%x", secret))
	require.NotContains(t, all, fmt.Sprintf("%X", secret))
	require.Empty(t, regtoken.FindSecrets(all))
	require.Contains(t, all, "[redacted]")

	require.Empty(t, regtoken.Password{}.Reveal())
	text, err := credential.Password.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "[redacted]", string(text))
	require.Equal(t, "[redacted]", credential.Password.String()[:10])
	require.Equal(t, "[redacted]", credential.Password.GoString())
}

type printer struct{ to *strings.Builder }

func (p printer) Errorf(format string, args ...any) { fmt.Fprintf(p.to, format, args...) }

func TestDockerLogin(t *testing.T) {
	r := newRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "docker"})
	secret := c.Password.Reveal()
	for _, host := range []string{"localhost:5000", "registry.example.com", "10.0.0.1:443", "a", "xn--bcher-kva.example:65535"} {
		line, err := c.DockerLogin(host)
		require.NoError(t, err, host)
		require.Equal(t, "echo "+secret+" | docker login --username docker --password-stdin "+host, line)
		require.Regexp(t, `^[a-zA-Z0-9 _.:|-]+$`, line, "nothing in it is special to a shell")
	}
	for _, host := range []string{"[::1]:5000", "[2001:db8::1]"} {
		line, err := c.DockerLogin(host)
		require.NoError(t, err, host)
		require.True(t, strings.HasSuffix(line, " '"+host+"'"), line)
	}
	for _, host := range []string{
		"", "-u", "a b", "a;b", "$(id)", "`id`", "a/b", "https://a", "a:", "a:0", "a:65536", "a:+1", "a:b", ":5000", "a\nb", "a'b", "[::1", "::1",
		"[1.2.3.4]:5", "[fe80::1%eth0]:5", "a..b", "a.", ".a", "é", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
	} {
		_, err := c.DockerLogin(host)
		require.Equal(t, []string{"host"}, fields(t, err), host)
		_, err = c.DockerConfig(host)
		require.Equal(t, []string{"host"}, fields(t, err), host)
	}
	_, err := regtoken.Credential{Name: "x; id", Password: regtoken.NewPassword("$(id)")}.DockerLogin("a")
	require.Equal(t, []string{"name", "password"}, fields(t, err))
}

func TestDockerConfig(t *testing.T) {
	r := newRig(t)
	_, c := r.create(t, regtoken.TokenSpec{Name: "docker"})
	config, err := c.DockerConfig("registry.example.com")
	require.NoError(t, err)
	var decoded struct {
		Auths map[string]struct {
			Username, Password string
			Auth               []byte // base64 in JSON
		}
	}
	require.NoError(t, json.Unmarshal(config, &decoded))
	entry := decoded.Auths["registry.example.com"]
	require.Equal(t, "docker", entry.Username)
	require.Equal(t, c.Password.Reveal(), entry.Password)
	require.Equal(t, "docker:"+c.Password.Reveal(), string(entry.Auth))
}
