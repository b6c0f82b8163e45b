package storetest

import "testing"

// CaseNames returns the names of all cases, in order.
func CaseNames() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// Try runs the case of this name alone.
func Try(t testing.TB, h Harness, name string) {
	for _, c := range cases {
		if c.name == name {
			c.try(t, h)
			return
		}
	}
	t.Fatalf("there is no case %q", name)
}

// Check returns what is wrong with a Harness.
func (h Harness) Check() error { return h.check() }
