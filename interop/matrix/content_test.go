package matrix

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// newImage returns an image of one small layer that is like no other, and that
// no client has a reason to change.
func newImage(t *testing.T) v1.Image {
	t.Helper()
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	content := []byte(rand.Text())
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}))
	_, err := archive.Write(content)
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	require.NoError(t, err)

	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.AppendLayers(image, layer)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	image, err = mutate.ConfigFile(image, config)
	require.NoError(t, err)
	return image
}

// publish pushes a new image as the owner, and returns its digest.
func (s *site) publish(t *testing.T, repository, tag string) string {
	t.Helper()
	image := newImage(t)
	require.NoError(t, remote.Write(s.reference(t, repository, tag), image, s.asOwner(t)...))
	digest, err := image.Digest()
	require.NoError(t, err)
	return digest.String()
}

// writeLayout writes a new image with a tag as an OCI image layout.
func writeLayout(t *testing.T, folder, tag string) {
	t.Helper()
	path, err := layout.Write(folder, empty.Index)
	require.NoError(t, err)
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})
	require.NoError(t, path.AppendImage(newImage(t), named))
}
