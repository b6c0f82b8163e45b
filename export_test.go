package regtoken

import (
	"github.com/regtoken/regtoken/internal/flat"
)

// A MemorySplit says what the memory of cached tokens is for, in bytes: of one
// token, and of all.
type MemorySplit struct {
	Digests, Name, Owner, Rest float64 // of the token
	Tables, Blocks             float64 // of all
}

// MemoryOf returns the split by the token of this name, which is cached.
func MemoryOf(m *Manager, name string) MemorySplit {
	t, all := snapshot{m.live.tokens.Get(flat.Key{First: m.registry, Second: name})}, m.live.tokens.Memory()
	split := MemorySplit{
		Digests: float64(t.head().secrets * len(digest{})),
		Name:    float64(8 * ((len(m.registry)+7)/8 + (len(name)+7)/8)),
		Owner:   float64(8 * ((len(t.owner()) + 7) / 8)),
		Tables:  float64(all.Tables),
		Blocks:  float64(all.Blocks),
	}
	split.Rest = float64(all.Records)/float64(m.live.tokens.Len()) - split.Digests - split.Name - split.Owner
	return split
}
