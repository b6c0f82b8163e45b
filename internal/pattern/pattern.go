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
	text    string
	prefix  string // what stands before the first star
	suffix  string // what stands behind the last star
	literal bool   // without a star
	glob    *glob.Pattern
}

// String returns the text that the pattern was compiled from.
func (p *Pattern) String() string { return p.text }

// Match reports whether the pattern matches the whole of name, which must fit
// [IsName]: callers check it once and match many patterns. Prefix and suffix
// only save work: what they let through, gobwas decides.
func (p *Pattern) Match(name string) bool {
	if p.literal && len(name) != len(p.text) {
		return false
	}
	return strings.HasPrefix(name, p.prefix) && strings.HasSuffix(name, p.suffix) && p.glob.Match(name)
}

// compile makes a Pattern of a text that [Check] found no fault in.
func compile(text string) (*Pattern, error) {
	g, err := glob.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &Pattern{text: text, prefix: text, suffix: text, literal: true, glob: g}
	if i := strings.IndexByte(text, '*'); i >= 0 {
		p.prefix, p.suffix, p.literal = text[:i], text[strings.LastIndexByte(text, '*')+1:], false
	}
	return p, nil
}
