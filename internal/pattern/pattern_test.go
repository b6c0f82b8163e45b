package pattern_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/pattern"
)

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern string
		yes, no []string
	}{
		{"*", []string{"a", "team/app", "a/b/c"}, nil},
		{"team/app", []string{"team/app"}, []string{"team/ap", "team/app2", "team/app/x", "xteam/app"}},
		{"team/*", []string{"team/a", "team/a/b"}, []string{"team", "team-evil/a", "teams/a", "a/team/b"}},
		{"*/app", []string{"team/app", "a/b/app"}, []string{"app", "team/app2", "team/xapp"}},
		{"*app", []string{"app", "team/app", "team/xapp"}, []string{"team/app2"}},
		{"team/*/prod", []string{"team/a/prod", "team/a/b/prod"}, []string{"team/prod", "team/a/prod2", "team/prod/a"}},
		{"team/*/prod-*", []string{"team/a/prod-1", "team/a/prod-x/y"}, []string{"team/a/prod", "team/prod-1"}},
		{"a*a", []string{"aa", "aba", "a/a"}, []string{"a", "ab"}},
		{"*mid*", []string{"mid", "amidst", "a/mid/b"}, []string{"md", "mi-d"}},
	} {
		p, err := pattern.Compile(row.pattern)
		require.NoError(t, err, row.pattern)
		require.Equal(t, row.pattern, p.String())
		for _, name := range row.yes {
			require.True(t, p.Match(name), "%s must match %s", row.pattern, name)
		}
		for _, name := range row.no {
			require.False(t, p.Match(name), "%s must not match %s", row.pattern, name)
		}
	}
}

func TestCheck(t *testing.T) {
	const (
		alphabet  = "may hold only a-z, 0-9, '.', '_', '-', '/' and '*'"
		unmatched = "must be able to match a repository name of the OCI distribution specification"
	)
	long := strings.Repeat("a", 256)
	for _, row := range []struct {
		text   string
		faults []pattern.Fault
	}{
		{"*", nil},
		{"a", nil},
		{"*a", nil},
		{"a*", nil},
		{"-*", []pattern.Fault{{0, unmatched}}},
		{"a.*", nil},
		{"*.a", nil},
		{"*-", []pattern.Fault{{1, unmatched}}},
		{"a--*--b", nil},
		{"a__b", nil},
		{"a/*/b", nil},
		{"*/*/*", nil},
		{"a_*_b", nil},
		{strings.Repeat("a", 255), nil},
		{strings.Repeat("a", 254) + "*", nil},
		{strings.Repeat("a", 253) + "_*", nil},
		{"", []pattern.Fault{{0, "must not be empty; * alone stands for every repository"}}},
		{long, []pattern.Fault{{255, "must be at most 255 bytes"}}},
		{strings.Repeat("a", 254) + ".*", []pattern.Fault{{255, "must be at most 255 bytes"}}},
		{strings.Repeat("a", 253) + ".*", nil},
		{strings.Repeat("ab_*", 62) + "ab_*_ab", nil},
		{"Team/a", []pattern.Fault{{0, alphabet}}},
		{"a?", []pattern.Fault{{1, alphabet}}},
		{"[a]", []pattern.Fault{{0, alphabet}}},
		{"{a,b}", []pattern.Fault{{0, alphabet}}},
		{`a\*`, []pattern.Fault{{1, alphabet}}},
		{"a b", []pattern.Fault{{1, alphabet}}},
		{"a\x00", []pattern.Fault{{1, alphabet}}},
		{"é", []pattern.Fault{{0, alphabet}}},
		{"a/\u0430", []pattern.Fault{{2, alphabet}}},
		{"/a", []pattern.Fault{{0, "must not begin with '/'"}}},
		{"a/", []pattern.Fault{{1, "must not end with '/'"}}},
		{"/", []pattern.Fault{{0, "must not begin with '/'"}}},
		{"a//b", []pattern.Fault{{1, "must not hold '//'"}}},
		{"a/**", []pattern.Fault{{2, "must not hold '**'; one '*' already spans '/'"}}},
		{"/A//**/", []pattern.Fault{
			{1, alphabet},
			{0, "must not begin with '/'"},
			{6, "must not end with '/'"},
			{2, "must not hold '//'"},
			{4, "must not hold '**'; one '*' already spans '/'"},
		}},
		{"a..b", []pattern.Fault{{2, unmatched}}},
		{"./a", []pattern.Fault{{0, unmatched}}},
		{"a/../b", []pattern.Fault{{2, unmatched}}},
		{"a/.*", []pattern.Fault{{2, unmatched}}},
		{"a___b", []pattern.Fault{{3, unmatched}}},
		{"a-_b", []pattern.Fault{{2, unmatched}}},
		{"a*.", []pattern.Fault{{2, unmatched}}},
	} {
		require.Equal(t, row.faults, pattern.Check(row.text), "%q", row.text)
		_, err := pattern.Compile(row.text)
		require.Equal(t, len(row.faults) == 0, err == nil, "%q: %v", row.text, err)
	}
}

func TestIsName(t *testing.T) {
	for _, name := range []string{
		"a", "0", "a/b", "a.b", "a_b", "a__b", "a-b", "a---b", "a.b/c_d/e--f", strings.Repeat("a", 255),
	} {
		require.True(t, pattern.IsName(name), "%q", name)
	}
	for _, name := range []string{
		"", "*", "a/*", "/a", "a/", "a//b", "./a", "../a", "a/../b", "a/./b", "a..b", "a___b", "a_.b", "a.-b", "-a", "a-", "_a",
		"a_", ".a", "a.", "A", "a/B", "a%2fb", "%2f", `a\b`, "a\x00b", "a b", "a:b", "a@b", "é", "\u0430", "a\n", strings.Repeat("a", 256),
	} {
		require.False(t, pattern.IsName(name), "%q", name)
	}
}

func TestCompileShares(t *testing.T) {
	one, err := pattern.Compile("shared/*")
	require.NoError(t, err)
	other, err := pattern.Compile(strings.Clone("shared/*"))
	require.NoError(t, err)
	require.Same(t, one, other)
}
