// Package pattern matches repository names against path patterns. It admits
// only the small language in which gobwas/glob was measured to be right and
// fast (no separators, and nothing special but the star) and is the only
// importer of it.
package pattern

import (
	"strings"

	"github.com/gobwas/glob"
)

// MaxLength is the most bytes a pattern or a repository name may have.
const MaxLength = 255

// A Pattern is a compiled path pattern. It never changes and is safe for
// concurrent use.
type Pattern struct {
	glob glob.Pattern // a value: asking it costs one cache miss less
	ends
	shape
}

// String returns the text that the pattern was compiled from.
func (p *Pattern) String() string { return p.glob.String() }

// Match reports whether the pattern matches the whole of name, which must fit
// [IsName]: callers check it once and match many patterns. Prefix and suffix
// only save work: what they let through, gobwas decides.
func (p *Pattern) Match(name string) bool {
	text := p.String()
	return p.admits(name) && strings.HasPrefix(name, text[:p.prefixLen]) &&
		strings.HasSuffix(name, text[len(text)-int(p.suffixLen):]) && p.glob.Match(name)
}

// compile makes a Pattern of a text that [Check] found no fault in.
func compile(text string) (*Pattern, error) {
	g, err := glob.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &Pattern{glob: *g}
	p.ends, p.shape = endsOf(text)
	return p, nil
}
