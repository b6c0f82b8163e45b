package registryauth

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/go-jose/go-jose/v4"
)

const (
	keyFileMode  fs.FileMode = 0o600
	jwksFileMode fs.FileMode = 0o644

	maxKeyFile = 64 << 10
)

// keyFile is the JSON that keys are kept in: private JSON Web Keys.
type keyFile struct {
	Current *jose.JSONWebKey `json:"current"`
	Next    *jose.JSONWebKey `json:"next"`
	Former  *jose.JSONWebKey `json:"former,omitempty"`
}

var errNoKeys = errors.New("the file does not hold signing keys")

// OpenSigningKeys returns the keys that are kept in the file at path. If there
// is none, it makes new keys and the file, which its owner alone may read
// (mode 0600); of several processes that do so at once, one makes it and all
// get its keys. A file that is there is only read. Errors: those of the file
// system, which can be told by [errors.Is]; a file that holds no such keys; a
// file that others than its owner and group may read, or others than its owner
// may write.
func OpenSigningKeys(path string) (*SigningKeys, error) {
	k := &SigningKeys{path: path}
	set, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeKeyFile(path, newKeySet(newKey(), newKey(), nil), os.Link) // a link never replaces
		if err == nil || errors.Is(err, fs.ErrExist) {
			set, err = readKeyFile(path)
		}
	}
	if err != nil {
		return nil, keyFileError(path, err)
	}
	k.set.Store(set)
	return k, nil
}

// Reload reads the file again, for a process that shares it with one that
// rotates the keys. When it returns an error, which are those of
// [OpenSigningKeys], the keys are as they were before. Keys that are in memory
// alone stay what they are.
func (k *SigningKeys) Reload() error {
	if k.path == "" {
		return nil
	}
	k.rotation.Lock()
	defer k.rotation.Unlock()
	set, err := readKeyFile(k.path)
	if err != nil {
		return keyFileError(k.path, err)
	}
	k.set.Store(set)
	return nil
}

// WriteJWKS writes the public keys as a JSON Web Key Set to the file at path,
// at once as a whole: for the setting auth.token.jwks of a stock distribution
// registry. All may read it (mode 0644). Call it after each rotation.
func (k *SigningKeys) WriteJWKS(path string) error {
	if err := writeFile(path, k.MarshalJWKS(), jwksFileMode, os.Rename); err != nil {
		return fmt.Errorf("registryauth: writing the JWKS: %w", err)
	}
	return nil
}

func keyFileError(path string, err error) error {
	return fmt.Errorf("registryauth: signing keys in %s: %w", path, err)
}

func readKeyFile(path string) (*keySet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// Windows keeps who may read a file elsewhere.
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.Perm()&0o027 != 0 {
		return nil, fmt.Errorf("mode %v lets others use them", mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, err
	}
	var keys keyFile
	if err := json.Unmarshal(text, &keys); err != nil { // which might quote the file
		return nil, errNoKeys
	}
	current, next := privateKey(keys.Current), privateKey(keys.Next)
	former := privateKey(keys.Former)
	if current == nil || next == nil || (keys.Former != nil && former == nil) {
		return nil, errNoKeys
	}
	return newKeySet(current, next, former), nil
}

// privateKey returns nil for what is no Ed25519 key pair.
func privateKey(key *jose.JSONWebKey) *signingKey {
	if key == nil {
		return nil
	}
	private, ok := key.Key.(ed25519.PrivateKey)
	if !ok || len(private) != ed25519.PrivateKeySize || !ed25519.NewKeyFromSeed(private.Seed()).Equal(private) {
		return nil
	}
	return keyOf(private)
}

func writeKeyFile(path string, set *keySet, place func(from, to string) error) error {
	text, err := json.Marshal(keyFile{set.current.jwk(), set.next.jwk(), set.former.jwk()})
	if err != nil {
		return err
	}
	return writeFile(path, text, keyFileMode, place)
}

// jwk returns nil for nil.
func (k *signingKey) jwk() *jose.JSONWebKey {
	if k == nil {
		return nil
	}
	return &jose.JSONWebKey{Key: k.private, KeyID: k.id, Algorithm: string(algorithm), Use: "sig"}
}

// writeFile writes a file beside its place and then puts it there, so that it
// is never seen in part, nor after a power failure.
func writeFile(path string, text []byte, mode fs.FileMode, place func(from, to string) error) (err error) {
	directory := filepath.Dir(path)
	file, err := os.CreateTemp(directory, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // of no avail once it was renamed
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := place(file.Name(), path); err != nil {
		return err
	}
	return syncDirectory(directory)
}

func syncDirectory(path string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
