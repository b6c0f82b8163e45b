package interop

import (
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken"
)

// googleClient is go-containerregistry, the library behind crane. It has no
// login by itself. What it may not mount, it uploads; a refused mount shows in
// no error of its own.
var googleClient = client{
	name: "crane",
	operations: map[string]operation{
		"push": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			return remote.Write(s.tag(t, a.repository, "pushed"), newImage(t), s.as(t, c)...)
		},
		"push an index": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
				mutate.IndexAddendum{Add: newImage(t)}, mutate.IndexAddendum{Add: newImage(t)})
			return remote.WriteIndex(s.tag(t, a.repository, "index"), index, s.as(t, c)...)
		},
		"pull": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			image, err := remote.Image(s.tag(t, a.repository, a.tag), s.as(t, c)...)
			if err != nil {
				return err
			}
			return validate.Image(image)
		},
		"tags": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			tags, err := remote.List(s.repository(t, a.repository), s.as(t, c)...)
			if err == nil {
				require.Contains(t, tags, a.tag)
			}
			return err
		},
		"catalogue": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			repositories, err := remote.Catalog(t.Context(), s.registry(t), s.as(t, c)...)
			if err == nil {
				require.ElementsMatch(t, []string{"base/image", "team/app"}, repositories)
			}
			return err
		},
		"referrers": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			signature := s.sign(t, a)
			index, err := remote.Referrers(s.digest(t, a), s.as(t, c)...)
			if err != nil {
				return err
			}
			manifest, err := index.IndexManifest()
			require.NoError(t, err)
			require.Len(t, manifest.Manifests, 1)
			require.Equal(t, signature, manifest.Manifests[0].Digest.String())
			return nil
		},
		"sign": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			return remote.Write(s.tag(t, a.repository, "signed"), signatureOf(t, a.image), s.as(t, c)...)
		},
		"copy": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			image, err := remote.Image(s.tag(t, "base/image", "v1"), s.as(t, c)...)
			if err != nil {
				return err
			}
			return remote.Write(s.tag(t, a.repository, "copied"), image, s.as(t, c)...)
		},
		"delete a tag": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			if err := remote.Delete(s.tag(t, a.repository, a.tag), s.as(t, c)...); err != nil {
				return err
			}
			s.gone(t, s.tag(t, a.repository, a.tag))
			return nil
		},
		"delete a manifest": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			if err := remote.Delete(s.digest(t, a), s.as(t, c)...); err != nil {
				return err
			}
			s.gone(t, s.digest(t, a))
			if s.tagsOutlive {
				_, err := remote.Get(s.tag(t, a.repository, a.tag), s.as(t, s.token(t, everything))...)
				return err
			}
			s.gone(t, s.tag(t, a.repository, a.tag))
			return nil
		},
	},
	session: func(t *testing.T, s *site, c regtoken.Credential, a artifact) func() error {
		puller, err := remote.NewPuller(s.as(t, c)...)
		require.NoError(t, err)
		return func() error {
			if _, err := puller.Get(t.Context(), s.tag(t, a.repository, a.tag)); err != nil {
				return err
			}
			layer, err := puller.Layer(t.Context(), s.repository(t, a.repository).Digest(a.layer))
			if err != nil {
				return err
			}
			blob, err := layer.Compressed()
			if err != nil {
				return err
			}
			defer blob.Close()
			_, err = io.Copy(io.Discard, blob)
			return err
		}
	},
	refusal: func(t *testing.T, err error) (int, string) {
		var refused *transport.Error
		require.ErrorAs(t, err, &refused)
		if len(refused.Errors) == 0 {
			return refused.StatusCode, ""
		}
		return refused.StatusCode, string(refused.Errors[0].Code)
	},
}

// as returns the options of go-containerregistry's client for a login. It does
// not try again what failed: the first answer is what these tests are about.
func (s *site) as(t *testing.T, c regtoken.Credential) []remote.Option {
	t.Helper()
	return []remote.Option{
		remote.WithContext(t.Context()),
		remote.WithAuth(&authn.Basic{Username: c.Name, Password: c.Password.Reveal()}),
		remote.WithRetryStatusCodes(),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
	}
}

func (s *site) registry(t *testing.T) name.Registry {
	t.Helper()
	r, err := name.NewRegistry(s.host)
	require.NoError(t, err)
	return r
}

func (s *site) repository(t *testing.T, repository string) name.Repository {
	t.Helper()
	return s.registry(t).Repo(repository)
}

func (s *site) tag(t *testing.T, repository, tag string) name.Tag {
	t.Helper()
	return s.repository(t, repository).Tag(tag)
}

func (s *site) digest(t *testing.T, a artifact) name.Digest {
	t.Helper()
	return s.repository(t, a.repository).Digest(a.digest)
}

// gone asserts that a manifest is not there.
func (s *site) gone(t *testing.T, ref name.Reference) {
	t.Helper()
	_, err := remote.Get(ref, s.as(t, s.token(t, everything))...)
	var refused *transport.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 404, refused.StatusCode)
}
