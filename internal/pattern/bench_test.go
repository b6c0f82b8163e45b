package pattern_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/regtoken/regtoken/internal/pattern"
)

// BenchmarkMatch puts the worst patterns that are admitted beside plain ones.
func BenchmarkMatch(b *testing.B) {
	long := strings.Repeat("a", 255)
	for _, row := range []struct{ label, text, name string }{
		{"literal", "team/app", "team/app"},
		{"prefix", "team/*", "team/app/web"},
		{"suffix", "*-ro", "team/app-ro"},
		{"middle", "team/*/prod-*", "team/app/prod-1"},
		{"stars-hit", strings.Repeat("*a", 127) + "*", long},
		{"stars-miss", strings.Repeat("a*", 126) + "b*a", long},
		{"half-miss", "*" + strings.Repeat("a", 120) + "b*a", long},
		{"two-halves-miss", "*" + strings.Repeat("a", 60) + "*" + strings.Repeat("a", 60) + "b*a", long},
	} {
		b.Run(row.label, func(b *testing.B) {
			p, err := pattern.Compile(row.text)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				p.Match(row.name)
			}
		})
	}
}

func BenchmarkIsName(b *testing.B) {
	for b.Loop() {
		pattern.IsName("team/app/web")
	}
}
