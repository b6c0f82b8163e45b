package matrix

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regtoken/regtoken"
)

// The operations of the script.
const (
	login        = "login"
	logout       = "logout"
	push         = "push"
	pull         = "pull"
	tags         = "tag list"
	catalogue    = "catalogue"
	copying      = "copy from another repository"
	deleteTag    = "delete by tag"
	deleteDigest = "delete by digest"
)

const (
	publishedTag = "v1"
	pushedTag    = "new"
	copiedTag    = "copied"

	// toPush is a folder in the user's home with pushedTag, which is to be
	// pushed. Clients take no path that is more than a word.
	toPush = "layout"

	// source is a repository to copy from.
	source = "base/image"
)

// A work is what an operation is about: a repository with one image.
type work struct {
	host       string
	credential regtoken.Credential
	repository string
	digest     string // of publishedTag
	pulled     string // a folder to pull to, in the user's home
}

func (w work) registryOf(repository string) string { return w.host + "/" + repository }
func (w work) published() string                   { return w.tagged(publishedTag) }
func (w work) tagged(tag string) string            { return w.registryOf(w.repository) + ":" + tag }
func (w work) byDigest() string                    { return w.registryOf(w.repository) + "@" + w.digest }
func (w work) source() string                      { return w.registryOf(source) + ":" + publishedTag }

// effects tell whether an operation that a client says is done really was.
var effects = map[string]func(*testing.T, *site, work, *user) bool{
	push: func(t *testing.T, s *site, w work, _ *user) bool { return s.digestOf(t, w.repository, pushedTag) != "" },
	pull: func(_ *testing.T, _ *site, w work, u *user) bool {
		index, err := os.ReadFile(filepath.Join(u.home, w.pulled, "index.json"))
		if err != nil {
			return strings.Contains(u.output.String(), w.digest)
		}
		return strings.Contains(string(index), w.digest)
	},
	tags:      func(_ *testing.T, _ *site, _ work, u *user) bool { return printed(u.output.String(), publishedTag) },
	catalogue: func(_ *testing.T, _ *site, w work, u *user) bool { return printed(u.output.String(), w.repository) },
	copying:   func(t *testing.T, s *site, w work, _ *user) bool { return s.digestOf(t, w.repository, copiedTag) != "" },
	deleteTag: func(t *testing.T, s *site, w work, _ *user) bool {
		return s.digestOf(t, w.repository, publishedTag) == "" && s.digestOf(t, w.repository, w.digest) != ""
	},
	deleteDigest: func(t *testing.T, s *site, w work, _ *user) bool { return s.digestOf(t, w.repository, w.digest) == "" },
}

// changes are the operations that change what the registry holds.
var changes = map[string]bool{push: true, copying: true, deleteTag: true, deleteDigest: true}

// printed reports whether a word is in the output of a command.
func printed(output, word string) bool {
	words := strings.FieldsFunc(output, func(r rune) bool { return strings.ContainsRune(" \n\t\",", r) })
	return slices.Contains(words, word)
}
