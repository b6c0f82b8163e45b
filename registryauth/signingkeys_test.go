package registryauth_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/registryauth"
)

// keyIDs returns the IDs of the keys in a JWKS, after checking its form.
func keyIDs(t *testing.T, jwks []byte) (ids []string) {
	t.Helper()
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(jwks, &set))
	for _, key := range set.Keys {
		require.Len(t, key, 6, "above all no private part")
		require.Equal(t, "OKP", key["kty"])
		require.Equal(t, "Ed25519", key["crv"])
		require.Equal(t, "EdDSA", key["alg"])
		require.Equal(t, "sig", key["use"])
		require.Len(t, key["x"], 43)
		require.Len(t, key["kid"], 43)
		ids = append(ids, key["kid"])
	}
	return ids
}

func TestRotation(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	login := w.login("robot")
	keys := w.tokens.Keys()
	good := func(raw string) bool { return w.bearer("GET", "/v2/", raw).Code == http.StatusOK }

	zero := keyIDs(t, keys.MarshalJWKS())
	require.Len(t, zero, 2, "the current and the next")
	first := w.jwt(login)

	require.NoError(t, keys.Rotate())
	one := keyIDs(t, keys.MarshalJWKS())
	require.Len(t, one, 3)
	require.Equal(t, zero[1], one[0], "what signs now was in the JWKS before")
	require.Equal(t, zero[0], one[2], "what signed before still is")
	second := w.jwt(login)
	require.True(t, good(first))
	require.True(t, good(second))

	require.NoError(t, keys.Rotate())
	two := keyIDs(t, keys.MarshalJWKS())
	require.Equal(t, []string{one[1], two[1], one[0]}, two)
	require.False(t, good(first))
	require.True(t, good(second))

	require.NoError(t, keys.Rotate())
	require.NotSubset(t, zero, keyIDs(t, keys.MarshalJWKS()))
	require.NotContains(t, keyIDs(t, keys.MarshalJWKS()), zero[1])
	require.False(t, good(second))

	before := keys.MarshalJWKS()
	require.NoError(t, keys.Reload(), "keys in memory have nothing to read")
	require.Equal(t, before, keys.MarshalJWKS())
	before[0] = 'x'
	require.NotEqual(t, before, keys.MarshalJWKS(), "what is returned is the caller's")
}

func TestKeysInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keys, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}

	w := newBearerWorld(t, registryauth.TokenServerOptions{Keys: keys}, registryauth.GuardOptions{})
	login := w.login("robot")
	raw := w.jwt(login)

	// Another process, or this one after a restart.
	other, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	require.Equal(t, keys.MarshalJWKS(), other.MarshalJWKS())
	tokens, err := registryauth.NewTokenServer(w.manager, &registryauth.TokenServerOptions{
		Issuer: issuer, Service: service, Keys: other, Now: func() time.Time { return w.now },
	})
	require.NoError(t, err)
	w.guard, err = registryauth.NewGuard(http.HandlerFunc(w.registry), w.manager, &registryauth.GuardOptions{TokenServer: tokens})
	require.NoError(t, err)
	good := func() bool { return w.bearer("GET", "/v2/", w.jwt(login)).Code == http.StatusOK }
	require.Equal(t, http.StatusOK, w.bearer("GET", "/v2/", raw).Code)

	require.NoError(t, keys.Rotate())
	require.True(t, good(), "the key that signs now was known before")
	require.NoError(t, keys.Rotate())
	require.False(t, good(), "two rotations behind")
	require.NoError(t, other.Reload())
	require.True(t, good())
	require.Equal(t, keys.MarshalJWKS(), other.MarshalJWKS())

	// Who rotates reads first, so the other's keys are not lost.
	require.NoError(t, other.Rotate())
	ids := keyIDs(t, other.MarshalJWKS())
	require.NoError(t, keys.Rotate())
	require.Equal(t, ids[1], keyIDs(t, keys.MarshalJWKS())[0])

	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left lying about")
}

func TestManyProcessesMakeOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var group sync.WaitGroup
	jwks := make([]string, 8)
	for i := range jwks {
		group.Go(func() {
			if keys, err := registryauth.OpenSigningKeys(path); err == nil {
				jwks[i] = string(keys.MarshalJWKS())
			}
		})
	}
	group.Wait()
	require.NotEmpty(t, jwks[0])
	for _, each := range jwks {
		require.Equal(t, jwks[0], each)
	}
}

func TestUnusableKeyFiles(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "keys.json")
	keys, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var parts map[string]map[string]string
	require.NoError(t, json.Unmarshal(text, &parts))
	encode := func(change func(map[string]map[string]string)) string {
		var copied map[string]map[string]string
		require.NoError(t, json.Unmarshal(text, &copied))
		change(copied)
		changed, err := json.Marshal(copied)
		require.NoError(t, err)
		return string(changed)
	}
	before := keys.MarshalJWKS()
	for name, content := range map[string]string{
		"empty":         "",
		"no JSON":       parts["current"]["d"],
		"no keys":       "{}",
		"no next":       encode(func(p map[string]map[string]string) { delete(p, "next") }),
		"public":        encode(func(p map[string]map[string]string) { delete(p["current"], "d") }),
		"not a pair":    encode(func(p map[string]map[string]string) { p["current"]["x"] = p["next"]["x"] }),
		"short":         encode(func(p map[string]map[string]string) { p["current"]["d"] = "AAAA" }),
		"symmetric":     `{"current":{"kty":"oct","k":"AAAA"},"next":{"kty":"oct","k":"AAAA"}}`,
		"former broken": encode(func(p map[string]map[string]string) { p["former"] = map[string]string{"kty": "oct", "k": "AAAA"} }),
		"a JWKS":        string(before),
		"too long":      strings.Repeat(" ", 64<<10) + string(text),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			for _, err := range []error{keys.Reload(), keys.Rotate(), second(registryauth.OpenSigningKeys(path))} {
				require.ErrorContains(t, err, "keys.json")
				require.NotContains(t, err.Error(), parts["current"]["d"])
			}
			require.Equal(t, before, keys.MarshalJWKS(), "as they were")
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, string(now), "left alone")
		})
	}

	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, keys.Reload(), fs.ErrNotExist)
	require.ErrorIs(t, keys.Rotate(), fs.ErrNotExist)
	_, err = registryauth.OpenSigningKeys(filepath.Join(directory, "missing", "keys.json"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, second(registryauth.OpenSigningKeys(directory)))
}

func TestKeyFilesOthersMayUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes there")
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	_, err := registryauth.OpenSigningKeys(path)
	require.NoError(t, err)
	for mode, good := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true,
		0o644: false, 0o604: false, 0o660: false, 0o606: false, 0o602: false, 0o666: false, 0o601: false,
	} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := registryauth.OpenSigningKeys(path)
		require.Equal(t, good, err == nil, "%v: %v", mode, err)
	}
}

func TestWriteJWKS(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "jwks.json")
	keys := registryauth.NewSigningKeys()
	for range 2 {
		require.NoError(t, keys.WriteJWKS(path))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, keys.MarshalJWKS(), text)
		keyIDs(t, text)
		if runtime.GOOS != "windows" {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o644), info.Mode())
		}
		require.NoError(t, keys.Rotate())
	}
	require.ErrorIs(t, keys.WriteJWKS(filepath.Join(directory, "missing", "jwks.json")), fs.ErrNotExist)
	require.Error(t, keys.WriteJWKS(directory))
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestRotationWhileInUse(t *testing.T) {
	w := newBearerWorld(t, registryauth.TokenServerOptions{}, registryauth.GuardOptions{})
	raw := w.jwt(w.login("robot"))
	keys := w.tokens.Keys()
	var group sync.WaitGroup
	group.Go(func() {
		for range 20 {
			_ = keys.Rotate()
		}
	})
	for range 20 {
		w.bearer("GET", "/v2/", raw)
		keyIDs(t, keys.MarshalJWKS())
	}
	group.Wait()
	require.NoError(t, keys.Rotate())
}

// second returns the error of a call that returns a value besides.
func second[T any](_ T, err error) error { return err }
