package distributionauth

import (
	"context"
	"fmt"
	"slices"

	"github.com/regtoken/regtoken"
)

// The reasons for refusals beyond those of the Manager, as its observers are
// told them.
const (
	// ReasonWholeListing: the token may list some repositories, and
	// distribution can only show all of them.
	ReasonWholeListing regtoken.Reason = "the whole listing needs a registry scope on *"

	// ReasonUnknownAccess: distribution asks for a type of resource or an
	// action that no token can have.
	ReasonUnknownAccess regtoken.Reason = "no such access"
)

// decide returns nil if the grant has all that is demanded.
func (c *AccessController) decide(ctx context.Context, grant *regtoken.Grant, d demand) error {
	if len(d.unknown) > 0 {
		c.report(ctx, grant, d.unknown[0].Name, 0, ReasonUnknownAccess)
		return fmt.Errorf("%w: %s", regtoken.ErrDenied, ReasonUnknownAccess)
	}
	for _, a := range d.repositories {
		if err := grant.Authorize(a.repository, a.actions); err != nil {
			return err
		}
	}
	if !d.catalog {
		return nil
	}
	if grant.CanList() && !slices.Contains(grant.Token().Scopes, regtoken.RegistryScope("*")) {
		c.report(ctx, grant, "", regtoken.List, ReasonWholeListing)
		return &regtoken.DeniedError{Action: regtoken.List, Reason: ReasonWholeListing}
	}
	return grant.AuthorizeList()
}

// report tells the Manager's observers of a denial that is not its own.
func (c *AccessController) report(ctx context.Context, grant *regtoken.Grant, path string, a regtoken.Action, reason regtoken.Reason) {
	token := grant.Token()
	c.manager.Report(ctx, regtoken.Event{
		Operation: regtoken.OpAuthorize, Outcome: regtoken.Denied,
		TokenID: token.ID, TokenName: token.Name, Owner: token.Owner,
		Path: path, Action: a, Reason: reason,
	})
}
