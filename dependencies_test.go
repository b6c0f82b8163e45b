package regtoken_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each dependency of the root module is one of every user's: there are four,
// and testify is in tests only.
func TestDependencies(t *testing.T) {
	gomod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	var direct []string
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) v\S+$`).FindAllStringSubmatch(string(gomod), -1) {
		direct = append(direct, m[1])
	}
	require.Equal(t, []string{
		"github.com/gobwas/glob",
		"github.com/google/uuid",
		"github.com/hashicorp/go-multierror",
		"github.com/stretchr/testify",
	}, direct)
}
