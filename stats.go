package regtoken

import (
	"context"
	"time"
)

// Stats are the figures of a Manager, for the host program's metrics. The
// counts are since the Manager was made, for all its registries together.
type Stats struct {
	Hits       uint64 // logins admitted by what was kept in memory
	Misses     uint64 // logins for which the store was asked
	StoreReads uint64 // questions to the store on their account: fewer, where logins shared one

	CachedTokens int    // tokens in memory now
	CachedBytes  int    // memory that they take, indexes included; compiled scopes, which tokens share, are not in it
	Evictions    uint64 // tokens that made room for others

	FeedReads  uint64 // questions to the store about what has changed
	FeedErrors uint64 // those among them that failed
	Resets     uint64 // times all in memory was dropped, since the store could not tell what had changed

	// Fresh is whether the next login may go by what is in memory.
	Fresh bool

	// Staleness is how old that may be: at most [Options.MaxStaleness] while
	// Fresh, and growing while the store cannot be asked. Zero for a store in
	// this process' memory, and if nothing is being followed.
	Staleness time.Duration
}

// Stats returns the figures as they are now. It asks no store, unless it is one
// in this process' memory. A view's figures are those of the whole Manager.
func (m *Manager) Stats() Stats { return m.live.stats() }

func (l *live) stats() Stats {
	s := Stats{
		Hits:         l.hits.Load(),
		Misses:       l.misses.Load(),
		StoreReads:   l.storeReads.Load(),
		CachedTokens: l.tokens.Len(),
		CachedBytes:  l.bytes(),
		Evictions:    l.tokens.Evictions(),
		FeedReads:    l.feedReads.Load(),
		FeedErrors:   l.feedErrors.Load(),
		Resets:       l.resets.Load(),
	}
	if l.headIsLocal {
		s.Fresh = l.isFresh(context.Background())
		return s
	}
	if asOf := l.asOf.Load(); asOf != nil {
		s.Staleness = max(0, time.Since(*asOf))
		s.Fresh = l.isFresh(context.Background())
	}
	return s
}
