package registryauth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
	"github.com/regtoken/regtoken/registryauth"
)

// A forger makes JWTs, also such as no library would.
type forger struct {
	t       *testing.T
	private ed25519.PrivateKey // the token server's own
	id      string
}

// newForger is a world with keys that are known to the test.
func newForger(t *testing.T) (*world, regtoken.Login, forger) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keys, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct{ Current jose.JSONWebKey }
	require.NoError(t, json.Unmarshal(text, &file))
	w := newBearerWorld(t, registryauth.TokenServerOptions{Keys: keys}, registryauth.GuardOptions{})
	login := w.login("robot", "repository:mine:pull,push")
	return w, login, forger{t, file.Current.Key.(ed25519.PrivateKey), file.Current.KeyID}
}

type object = map[string]any

func (f forger) segment(o object) string {
	text, err := json.Marshal(o)
	require.NoError(f.t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

func (f forger) jwt(header, claims object, sign func([]byte) []byte) string {
	input := f.segment(header) + "." + f.segment(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func (f forger) sign(input []byte) []byte { return ed25519.Sign(f.private, input) }

func (f forger) header() object { return object{"alg": "EdDSA", "typ": "JWT", "kid": f.id} }

// claims returns those of a good JWT.
func (f forger) claims(raw string) (o object) {
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	require.NoError(f.t, err)
	require.NoError(f.t, json.Unmarshal(text, &o))
	return o
}

func with(o object, key string, value any) object {
	changed := object{}
	for k, v := range o {
		changed[k] = v
	}
	changed[key] = value
	if value == nil {
		delete(changed, key)
	}
	return changed
}

func hmacOf(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func TestAttacksByJWT(t *testing.T) {
	w, login, f := newForger(t)
	good := w.jwt(login, "repository:mine:pull,push")
	claims, header := f.claims(good), f.header()
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/mine/manifests/x", f.jwt(header, claims, f.sign)).Code, "the forger's tools work")
	w.passed = nil

	parts := strings.Split(good, ".")
	public := f.private.Public().(ed25519.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	_, own, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ownSign := func(input []byte) []byte { return ed25519.Sign(own, input) }
	ownJWK := object{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(own.Public().(ed25519.PublicKey))}
	certificate := selfSigned(t, own)
	now := w.now.Unix()
	none := func([]byte) []byte { return nil }
	elliptical := func(input []byte) []byte {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		hash := sha256.Sum256(input)
		signature, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
		require.NoError(t, err)
		return signature
	}
	rsaSign := func(input []byte) []byte {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		hash := sha512.Sum512(input)
		signature, err := rsa.SignPKCS1v15(nil, key, 0, hash[:64])
		require.NoError(t, err)
		return signature
	}

	for tries, raw := range map[string]string{
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"two parts":                    parts[0] + "." + parts[1],
		"four parts":                   good + ".x",
		"nothing":                      "",
		"dots":                         "..",
		"a million dots":               strings.Repeat(".", 1<<20),
		"something too long":           good + strings.Repeat("A", 64<<10),
		"no base64":                    "!." + parts[1] + "." + parts[2],
		"standard base64":              base64.StdEncoding.EncodeToString([]byte("{\"alg\":\"EdDSA\"}~~")) + "." + parts[1] + "." + parts[2],
		"a changed payload":            parts[0] + "." + f.segment(with(claims, "sub", "root")) + "." + parts[2],
		"a changed signature":          parts[0] + "." + parts[1] + "." + flip(parts[2]),
		"the JSON serialization":       `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"a JWT in a JWT":               f.jwt(with(header, "cty", "JWT"), object{"jwt": good}, f.sign),
		"alg none":                     f.jwt(with(header, "alg", "none"), claims, none),
		"alg None":                     f.jwt(with(header, "alg", "None"), claims, none),
		"alg none with our signature":  f.jwt(with(header, "alg", "none"), claims, f.sign),
		"no alg":                       f.jwt(with(header, "alg", nil), claims, f.sign),
		"alg of a list":                f.jwt(with(header, "alg", []string{"EdDSA"}), claims, f.sign),
		"HMAC with the public key":     f.jwt(with(header, "alg", "HS256"), claims, hmacOf(public)),
		"HMAC with the key's DER":      f.jwt(with(header, "alg", "HS256"), claims, hmacOf(spki)),
		"HMAC with the JWKS":           f.jwt(with(header, "alg", "HS256"), claims, hmacOf(w.tokens.Keys().MarshalJWKS())),
		"HMAC with nothing":            f.jwt(with(header, "alg", "HS256"), claims, hmacOf(nil)),
		"HMAC said to be EdDSA":        f.jwt(header, claims, hmacOf(public)),
		"ECDSA":                        f.jwt(with(header, "alg", "ES256"), claims, elliptical),
		"RSA":                          f.jwt(with(header, "alg", "RS512"), claims, rsaSign),
		"a key of its own":             f.jwt(header, claims, ownSign),
		"a foreign kid":                f.jwt(with(header, "kid", "other"), claims, ownSign),
		"a foreign kid, our signature": f.jwt(with(header, "kid", "other"), claims, f.sign),
		"no kid":                       f.jwt(with(header, "kid", nil), claims, f.sign),
		"a kid that is a path":         f.jwt(with(header, "kid", "../../../dev/null"), claims, hmacOf(nil)),
		"an embedded key":              f.jwt(with(header, "jwk", ownJWK), claims, ownSign),
		"an embedded key and no kid":   f.jwt(with(with(header, "jwk", ownJWK), "kid", nil), claims, ownSign),
		"an embedded key, ours signed": f.jwt(with(header, "jwk", ownJWK), claims, f.sign),
		"a certificate":                f.jwt(with(header, "x5c", []string{certificate}), claims, ownSign),
		"a certificate, ours signed":   f.jwt(with(header, "x5c", []string{certificate}), claims, f.sign),
		"a key's URL":                  f.jwt(with(header, "jku", "https://evil.example/jwks"), claims, ownSign),
		"a certificate's URL":          f.jwt(with(header, "x5u", "https://evil.example/x"), claims, ownSign),
		"a critical header":            f.jwt(with(header, "crit", []string{"exp"}), claims, f.sign),
		"an unencoded payload":         f.jwt(with(header, "b64", false), claims, f.sign),
		"another type":                 f.jwt(with(header, "typ", "at+jwt"), claims, f.sign),
		"no type":                      f.jwt(with(header, "typ", nil), claims, f.sign),
		"a nonce":                      f.jwt(with(header, "nonce", "x"), claims, f.sign),
		"two algorithms":               f.rawHeader(`{"alg":"none","alg":"EdDSA","typ":"JWT","kid":"`+f.id+`"}`, claims),
		"an algorithm in capitals":     f.rawHeader(`{"ALG":"EdDSA","typ":"JWT","kid":"`+f.id+`"}`, claims),

		"another audience":             f.jwt(header, with(claims, "aud", "other"), f.sign),
		"an audience more":             f.jwt(header, with(claims, "aud", []string{service, "other"}), f.sign),
		"no audience":                  f.jwt(header, with(claims, "aud", nil), f.sign),
		"an audience that begins well": f.jwt(header, with(claims, "aud", service+".evil.example"), f.sign),
		"another issuer":               f.jwt(header, with(claims, "iss", "https://evil.example"), f.sign),
		"no issuer":                    f.jwt(header, with(claims, "iss", nil), f.sign),
		"expired":                      f.jwt(header, with(claims, "exp", now-1), f.sign),
		"expiring now":                 f.jwt(header, with(claims, "exp", now), f.sign),
		"no expiry":                    f.jwt(header, with(claims, "exp", nil), f.sign),
		"an expiry beyond all time":    f.jwt(header, with(claims, "exp", 1e300), f.sign),
		"an expiry that is text":       f.jwt(header, with(claims, "exp", "never"), f.sign),
		"not yet valid":                f.jwt(header, with(claims, "nbf", now+3600), f.sign),
		"no beginning":                 f.jwt(header, with(claims, "nbf", nil), f.sign),
		"no token":                     f.jwt(header, with(claims, "regtoken", nil), f.sign),
		"a token by name alone":        f.jwt(header, with(claims, "regtoken", object{"token": "robot"}), f.sign),
		"another secret":               f.jwt(header, with(claims, "regtoken", with(claims["regtoken"].(object), "secret_id", "00000000-0000-0000-0000-000000000000")), f.sign),
		"an ID that is none":           f.jwt(header, with(claims, "regtoken", object{"token_id": "robot", "secret_id": "x"}), f.sign),
		"a payload that is no object":  f.rawPayload(`["x"]`),
		"a payload that is null":       f.rawPayload(`null`),
	} {
		t.Run(tries, func(t *testing.T) {
			answer := w.bearer("GET", "/v2/", raw)
			requireRefusal(t, answer, http.StatusUnauthorized, "UNAUTHORIZED")
			require.NotContains(t, challengeOf(answer), "evil")
			requireRefusal(t, w.bearer("GET", "/v2/mine/manifests/x", raw), http.StatusUnauthorized, "UNAUTHORIZED")

			r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
			r.Header["Authorization"] = []string{"Bearer " + raw, "Bearer " + good}
			require.Equal(t, http.StatusUnauthorized, w.serve(r).Code, "nor with a good one beside it")
		})
	}
	require.Empty(t, w.passed)

	// A JWT by our own key that claims more than the token has is worth what
	// the token has.
	more := f.jwt(header, with(claims, "access", []object{
		{"type": "repository", "name": "secret", "actions": []string{"pull", "push", "delete", "*"}},
		{"type": "repository", "name": "mine", "actions": []string{"*", "pull", "delete"}},
	}), f.sign)
	require.Equal(t, http.StatusForbidden, w.bearer("GET", "/v2/secret/manifests/x", more).Code)
	require.Equal(t, http.StatusForbidden, w.bearer("DELETE", "/v2/mine/manifests/x", more).Code)
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/mine/manifests/x", more).Code)
	require.Equal(t, http.StatusUnauthorized, w.bearer("PUT", "/v2/mine/manifests/x", more).Code, "a star is no action here")
}

// rawHeader forges with a header that is written by hand.
func (f forger) rawHeader(header string, claims object) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + f.segment(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(f.sign([]byte(input)))
}

// rawPayload forges with a payload that is written by hand.
func (f forger) rawPayload(payload string) string {
	input := f.segment(f.header()) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return input + "." + base64.RawURLEncoding.EncodeToString(f.sign([]byte(input)))
}

// flip changes the first letter.
func flip(text string) string {
	if text[0] == 'A' {
		return "B" + text[1:]
	}
	return "A" + text[1:]
}

func selfSigned(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

// A JWT of another registry, and of another token server.
func TestForeignJWTs(t *testing.T) {
	keys := registryauth.NewSigningKeys()
	w := newBearerWorld(t, registryauth.TokenServerOptions{Keys: keys}, registryauth.GuardOptions{})
	other := w.manager.Registry("other")
	spec := regtoken.TokenSpec{Name: "robot", Scopes: []regtoken.Scope{regtoken.RepositoryScope("*", regtoken.Pull)}}
	_, foreign, err := other.CreateToken(t.Context(), spec)
	require.NoError(t, err)
	_, own, err := w.manager.CreateToken(t.Context(), spec)
	require.NoError(t, err)

	ours := w.tokens
	for tries, c := range map[string]struct {
		manager *regtoken.Manager
		options registryauth.TokenServerOptions
		login   regtoken.Login
		status  int
	}{
		"ours":                           {w.manager, registryauth.TokenServerOptions{Issuer: issuer, Service: service, Keys: keys}, own.Login(), 200},
		"other keys":                     {w.manager, registryauth.TokenServerOptions{Issuer: issuer, Service: service}, own.Login(), 401},
		"another service":                {w.manager, registryauth.TokenServerOptions{Issuer: issuer, Service: "other.example.com", Keys: keys}, own.Login(), 401},
		"another issuer":                 {w.manager, registryauth.TokenServerOptions{Issuer: "other", Service: service, Keys: keys}, own.Login(), 401},
		"another registry":               {other, registryauth.TokenServerOptions{Issuer: issuer, Service: "other.example.com", Keys: keys}, foreign.Login(), 401},
		"another registry, said as ours": {other, registryauth.TokenServerOptions{Issuer: issuer, Service: service, Keys: keys}, foreign.Login(), 401},
	} {
		t.Run(tries, func(t *testing.T) {
			c.options.Now = func() time.Time { return w.now }
			w.tokens, err = registryauth.NewTokenServer(c.manager, &c.options)
			require.NoError(t, err)
			raw, _ := requireJWT(t, w.get(&c.login, "scope=repository:app:pull"))
			require.Equal(t, c.status, w.bearer("GET", "/v2/app/manifests/x", raw).Code)
		})
	}
	w.tokens = ours
	login := foreign.Login()
	requireRefused(t, w.get(&login, ""), http.StatusUnauthorized, "UNAUTHORIZED", "")
	requireRefusal(t, w.do("GET", "/v2/", login), http.StatusUnauthorized, "UNAUTHORIZED")
}
