package regtoken

import "context"

// Report tells the observers of a decision that code in front of the Manager
// took by itself, because it came before the Manager could be asked or went
// beyond its tokens' rights: a JWT that was forged, an address that failed too
// often. Time, Actor and Registry of the event are filled in; a TokenName that
// could be no token's is left out, and a Path is shown as elsewhere. The
// event's other texts are the caller's to keep free of secrets.
func (m *Manager) Report(ctx context.Context, e Event) {
	e.Registry = m.registry
	e.TokenName = auditableName(e.TokenName)
	e.Path = auditablePath(e.Path)
	m.observe(ctx, e)
}
