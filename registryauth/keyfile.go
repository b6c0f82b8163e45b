package registryauth

import "errors"

// OpenSigningKeys returns the keys that are kept in the file at path. If there
// is none, it makes new keys and the file, which its owner alone may read
// (mode 0600); of several processes that do so at once, one makes it. A file
// that is there is only read. Errors: those of the file system; a file that
// holds no such keys, or that others may read or write.
func OpenSigningKeys(path string) (*SigningKeys, error) {
	return nil, errors.ErrUnsupported
}

// Reload reads the file again, for a process that shares it with one that
// rotates the keys. When it returns an error, the keys are as they were
// before. Keys in memory alone stay what they are.
func (k *SigningKeys) Reload() error { return nil }

// WriteJWKS writes the public keys as a JSON Web Key Set to the file at path,
// at once as a whole: for the setting auth.token.jwks of a stock distribution
// registry. All may read it (mode 0644). Call it after each rotation.
func (k *SigningKeys) WriteJWKS(path string) error { return errors.ErrUnsupported }
