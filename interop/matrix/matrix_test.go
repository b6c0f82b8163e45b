package matrix

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMatrix runs the script with every client in every arrangement.
func TestMatrix(t *testing.T) {
	var seen results
	t.Run("cells", func(t *testing.T) {
		for _, c := range clients {
			t.Run(c.name, func(t *testing.T) {
				for _, a := range arrangements {
					t.Run(a.name, func(t *testing.T) {
						t.Parallel()
						runCell(t, c, a, &seen)
					})
				}
			})
		}
	})
	text := render(seen.of)
	t.Logf("\n%s", text)
	if *update {
		require.False(t, t.Failed(), "the file is not written")
		require.True(t, seen.complete(), "the file is not written: a client is not installed, or -run left something out")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
}

var file = filepath.Join("..", "MATRIX.md")

// TestExceptionsAreOfRows holds that no exception stands for nothing.
func TestExceptionsAreOfRows(t *testing.T) {
	names := map[string]bool{}
	for _, r := range script {
		require.False(t, names[r.name], "%s: twice", r.name)
		names[r.name] = true
	}
	for _, c := range clients {
		for _, e := range c.otherwise {
			require.True(t, names[e.row], "%s: %s", c.name, e.row)
		}
		for _, r := range script {
			if name := c.lacks(r); name != "" {
				require.NotEmpty(t, c.cannot[name], "%s cannot %s: why?", c.name, name)
			}
		}
	}
}

// TestFileIsOfThisMatrix holds that MATRIX.md says what TestMatrix would write.
func TestFileIsOfThisMatrix(t *testing.T) {
	if *update {
		t.Skip("it is being written")
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, render(expected), string(text), "write it anew: go test ./interop/matrix -update")
}

func runCell(t *testing.T, c client, a arrangement, seen *results) {
	here := &cell{client: c, command: c.command(t), site: startSite(t, a, c.plain)}
	here.site.publish(t, source, publishedTag)
	for _, r := range script {
		if c.lacks(r) != "" || (a.another && r.detail && !*full && !*update) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			got := r.play(t, here)
			seen.set(c, a, r, got)
			assert.Equal(t, expected(c, a, r), got, "%s", here.output)
		})
	}
}

// lacks returns an operation that a row needs and the client has not, or "".
func (c client) lacks(r row) string {
	for _, name := range r.operations {
		if _, ok := c.operations[name]; !ok {
			return name
		}
	}
	return ""
}

// expected is what a client should see.
func expected(c client, a arrangement, r row) outcome {
	if e := c.exception(a, r); e != nil {
		return e.outcome
	}
	return r.want(a)
}

// exception returns nil if there is none.
func (c client) exception(a arrangement, r row) *exception {
	for i, e := range c.otherwise {
		if e.row == r.name && e.in(a) {
			return &c.otherwise[i]
		}
	}
	return nil
}

// results are what was seen.
type results struct {
	mutex sync.Mutex
	seen  map[[3]string]outcome
}

func (r *results) set(c client, a arrangement, row row, o outcome) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.seen == nil {
		r.seen = map[[3]string]outcome{}
	}
	r.seen[[3]string{c.name, a.name, row.name}] = o
}

func (r *results) of(c client, a arrangement, row row) outcome {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if o, ok := r.seen[[3]string{c.name, a.name, row.name}]; ok {
		return o
	}
	return "not run"
}

func (r *results) complete() bool {
	for _, c := range clients {
		for _, a := range arrangements {
			for _, row := range script {
				if c.lacks(row) == "" && r.of(c, a, row) == "not run" {
					return false
				}
			}
		}
	}
	return true
}
