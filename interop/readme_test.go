package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every piece of Go in the README stands, line by line, in a file that is
// compiled and run.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	var running strings.Builder
	for _, file := range []string{"example_test.go", "examples/registry/main.go", "memstore/memstore_test.go"} {
		running.WriteString(flush(t, file))
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 5)
	for _, block := range blocks {
		require.Contains(t, running.String(), flushText(block[1]))
	}
}

// flush returns a file without indentation.
func flush(t *testing.T, file string) string {
	text, err := os.ReadFile(filepath.Join("..", file))
	require.NoError(t, err)
	return flushText(string(text))
}

func flushText(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
