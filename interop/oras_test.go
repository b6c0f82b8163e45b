package interop

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/regtoken/regtoken"
)

// orasClient is oras-go. It has no call that deletes a tag.
var orasClient = client{
	name:          "oras",
	readsToDelete: true,
	operations: map[string]operation{
		"login": func(t *testing.T, s *site, c regtoken.Credential, _ artifact) error {
			return credentials.Login(t.Context(), credentials.NewMemoryStore(), s.orasRegistry(t, anonymous),
				auth.Credential{Username: c.Name, Password: c.Password.Reveal()})
		},
		"push": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			_, err := oras.Copy(t.Context(), packed(t, nil), "packed", s.oras(t, a.repository, c), "pushed", oras.DefaultCopyOptions)
			return err
		},
		"pull": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			pulled, err := oras.Copy(t.Context(), s.oras(t, a.repository, c), a.tag, memory.New(), "", oras.DefaultCopyOptions)
			if err == nil {
				require.Equal(t, a.digest, pulled.Digest.String())
			}
			return err
		},
		"tags": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			var tags []string
			err := s.oras(t, a.repository, c).Tags(t.Context(), "", func(page []string) error {
				tags = append(tags, page...)
				return nil
			})
			if err == nil {
				require.Contains(t, tags, a.tag)
			}
			return err
		},
		"catalogue": func(t *testing.T, s *site, c regtoken.Credential, _ artifact) error {
			repositories, err := s.orasCatalogue(t, c, 0)
			if err == nil {
				require.ElementsMatch(t, []string{"base/image", "team/app"}, repositories)
			}
			return err
		},
		"referrers": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			signature := s.sign(t, a)
			var found []string
			err := s.oras(t, a.repository, c).Referrers(t.Context(), a.descriptor(), "", func(page []ocispec.Descriptor) error {
				for _, d := range page {
					found = append(found, d.Digest.String())
				}
				return nil
			})
			if err == nil {
				require.Equal(t, []string{signature}, found)
			}
			return err
		},
		"sign": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			subject := a.descriptor()
			_, err := oras.Copy(t.Context(), packed(t, &subject), "packed", s.oras(t, a.repository, c), "signed", oras.DefaultCopyOptions)
			return err
		},
		"mount": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			// Read by someone else, so that nothing but the mount can fail.
			base := s.oras(t, "base/image", s.token(t, everything))
			layer, err := base.Blobs().Resolve(t.Context(), s.publish(t, "base/image", "v1").layer)
			require.NoError(t, err)
			return s.oras(t, a.repository, c).Mount(t.Context(), layer, "base/image", func() (io.ReadCloser, error) {
				return base.Blobs().Fetch(t.Context(), layer)
			})
		},
		"copy": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			mounted := false
			options := oras.DefaultCopyOptions
			options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
				return []string{"base/image"}, nil
			}
			options.OnMounted = func(context.Context, ocispec.Descriptor) error {
				mounted = true
				return nil
			}
			options.Concurrency = 1
			_, err := oras.Copy(t.Context(), s.oras(t, "base/image", c), "v1", s.oras(t, a.repository, c), "copied", options)
			if err == nil {
				require.Equal(t, !s.noMount, mounted)
			}
			return err
		},
		"delete a manifest": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			if err := s.oras(t, a.repository, c).Manifests().Delete(t.Context(), a.descriptor()); err != nil {
				return err
			}
			s.gone(t, s.digest(t, a))
			return nil
		},
		"delete a blob": func(t *testing.T, s *site, c regtoken.Credential, a artifact) error {
			err := s.oras(t, a.repository, c).Blobs().Delete(t.Context(), ocispec.Descriptor{Digest: digest.Digest(a.layer)})
			if err != nil {
				return err
			}
			left := s.send(t, s.token(t, everything), request{method: http.MethodHead, target: "/v2/" + a.repository + "/blobs/" + a.layer})
			require.Equal(t, http.StatusNotFound, left.status)
			return nil
		},
	},
	session: func(t *testing.T, s *site, c regtoken.Credential, a artifact) func() error {
		repository := s.oras(t, a.repository, c)
		return func() error {
			_, err := oras.Copy(t.Context(), repository, a.tag, memory.New(), "", oras.DefaultCopyOptions)
			return err
		}
	},
	refusal: func(t *testing.T, err error) (int, string) {
		var refused *errcode.ErrorResponse
		require.ErrorAs(t, err, &refused)
		if len(refused.Errors) == 0 {
			return refused.StatusCode, ""
		}
		return refused.StatusCode, refused.Errors[0].Code
	},
}

// orasAuth presents this login where it is asked to, and does not try again
// what failed.
func orasAuth(c regtoken.Credential) *auth.Client {
	return &auth.Client{
		Client: http.DefaultClient,
		Cache:  auth.NewCache(),
		Credential: func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: c.Name, Password: c.Password.Reveal()}, nil
		},
	}
}

func (s *site) orasRegistry(t *testing.T, c regtoken.Credential) *remote.Registry {
	t.Helper()
	r, err := remote.NewRegistry(s.host)
	require.NoError(t, err)
	r.PlainHTTP = true
	r.Client = orasAuth(c)
	return r
}

func (s *site) oras(t *testing.T, repository string, c regtoken.Credential) *remote.Repository {
	t.Helper()
	r, err := remote.NewRepository(s.host + "/" + repository)
	require.NoError(t, err)
	r.PlainHTTP = true
	r.Client = orasAuth(c)
	return r
}

// orasCatalogue lists repositories, by pages of this size.
func (s *site) orasCatalogue(t *testing.T, c regtoken.Credential, pageSize int) ([]string, error) {
	t.Helper()
	r := s.orasRegistry(t, c)
	r.RepositoryListPageSize = pageSize
	var repositories []string
	err := r.Repositories(t.Context(), "", func(page []string) error {
		repositories = append(repositories, page...)
		return nil
	})
	return repositories, err
}

// packed returns a store with an artifact under the tag "packed", which may
// refer to another one.
func packed(t *testing.T, subject *ocispec.Descriptor) *memory.Store {
	t.Helper()
	store := memory.New()
	layer, err := oras.PushBytes(t.Context(), store, "text/plain", []byte(t.Name()))
	require.NoError(t, err)
	manifest, err := oras.PackManifest(t.Context(), store, oras.PackManifestVersion1_1, "application/vnd.regtoken.test",
		oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}, Subject: subject})
	require.NoError(t, err)
	require.NoError(t, store.Tag(t.Context(), manifest, "packed"))
	return store
}

func (a artifact) descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: manifestType, Digest: digest.Digest(a.digest), Size: int64(len(a.manifest))}
}
