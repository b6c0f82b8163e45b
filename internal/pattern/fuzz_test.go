package pattern_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/pattern"
)

// matches is the reference: "*" stands for any run of bytes, all else for
// itself.
func matches(text, name string) bool {
	reach := make([]bool, len(name)+1) // by how much of name is matched so far
	reach[0] = true
	for i := range len(text) {
		after := make([]bool, len(name)+1)
		for at, ok := range reach {
			switch {
			case !ok:
			case text[i] == '*':
				for to := at; to <= len(name); to++ {
					after[to] = true
				}
			case at < len(name) && name[at] == text[i]:
				after[at+1] = true
			}
		}
		reach = after
	}
	return reach[len(name)]
}

// nameGrammar is as the OCI distribution specification writes it.
var nameGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

func isName(s string) bool {
	return len(s) <= 255 && nameGrammar.MatchString(s) && !strings.HasSuffix(s, "\n")
}

func FuzzMatch(f *testing.F) {
	stars := strings.Repeat("*a", 127) + "*"
	for _, seed := range [][2]string{
		{"*", "a"}, {"team/*", "team/a/b"}, {"team/*/prod", "team/prod"}, {"a*a", "a"}, {"*-ro", "x-ro"},
		{stars, strings.Repeat("a", 255)}, {stars, strings.Repeat("b", 255)}, {strings.Repeat("a*", 127) + "b", strings.Repeat("a", 255)},
		{"*a*b*c*", "cba"}, {"*.*", "a.b"}, {"*_*_*", "a__b"}, {"a*/*b", "a/b"}, {"a/**", "a/b"}, {"[a]", "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		require.Equal(t, isName(name), pattern.IsName(name), "%q", name)
		p, err := pattern.Compile(text)
		require.Equal(t, len(pattern.Check(text)) == 0, err == nil, "%q", text)
		if err != nil || !isName(name) {
			return
		}
		require.Equal(t, matches(text, name), p.Match(name), "%q on %q", text, name)
	})
}

// FuzzCheck fills the stars of a pattern in. What some filling turns into a
// name, Check must admit; and what it admits, some filling of each star with
// nothing or one letter must turn into a name.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"a*b", "a.*", "*-*", ".*", "a..*", "a/*/b", "*__*", "_*_", "a-*.*b", "*/.*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stars := strings.Count(text, "*")
		malformed := text == "" || len(text) > 255 || strings.Contains(text, "**") || strings.Contains(text, "//") ||
			strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/")
		if malformed || stars > 8 {
			return
		}
		require.Equal(t, fillable(text, stars), len(pattern.Check(text)) == 0, "%q", text)
	})
}

func fillable(text string, stars int) bool {
	for choice := range 1 << stars {
		name := text
		for star := range stars {
			name = strings.Replace(name, "*", strings.Repeat("a", choice>>star&1), 1)
		}
		if isName(name) {
			return true
		}
	}
	return false
}
