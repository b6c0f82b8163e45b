package interop

import (
	"net/http"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// An artifact is an image in a registry.
type artifact struct {
	repository string
	tag        string
	image      v1.Image
	manifest   []byte
	digest     string // of the manifest
	layer      string // the digest of its one layer
}

const (
	manifestType = string(types.OCIManifestSchema1)
	indexType    = string(types.OCIImageIndex)
)

// newImage returns an image of one small layer that is like no other.
func newImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	image = mutate.MediaType(image, types.OCIManifestSchema1)
	return mutate.ConfigMediaType(image, types.OCIConfigJSON)
}

// signatureOf returns an image that refers to another one.
func signatureOf(t *testing.T, image v1.Image) v1.Image {
	t.Helper()
	subject, err := partial.Descriptor(image)
	require.NoError(t, err)
	signature, ok := mutate.Subject(newImage(t), *subject).(v1.Image)
	require.True(t, ok)
	return signature
}

// publish pushes a new image with a token that may do everything.
func (s *site) publish(t *testing.T, repository, tag string) artifact {
	t.Helper()
	image := newImage(t)
	require.NoError(t, remote.Write(s.tag(t, repository, tag), image, s.as(t, s.token(t, everything))...))

	manifest, err := image.RawManifest()
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	layers, err := image.Layers()
	require.NoError(t, err)
	layer, err := layers[0].Digest()
	require.NoError(t, err)
	return artifact{repository, tag, image, manifest, digest.String(), layer.String()}
}

// sign publishes an image that refers to the artifact, and returns its digest.
func (s *site) sign(t *testing.T, a artifact) string {
	t.Helper()
	signature := signatureOf(t, a.image)
	require.NoError(t, remote.Write(s.tag(t, a.repository, "signature"), signature, s.as(t, s.token(t, everything))...))
	digest, err := signature.Digest()
	require.NoError(t, err)
	return digest.String()
}

// beginUpload begins to upload a blob with a token that may do everything, and
// returns where to go on.
func (s *site) beginUpload(t *testing.T, repository string) string {
	t.Helper()
	begun := s.send(t, s.token(t, everything), request{method: http.MethodPost, target: "/v2/" + repository + "/blobs/uploads/"})
	require.Equal(t, http.StatusAccepted, begun.status, "%s", begun.body)
	location := begun.header.Get("Location")
	require.NotEmpty(t, location)
	return location
}
