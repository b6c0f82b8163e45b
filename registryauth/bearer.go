package registryauth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/regtoken/regtoken"
)

// clockSkew is how far the clock of the machine that issued a JWT may be ahead.
const clockSkew = time.Minute

// claims is the payload of a JWT, as stock distribution registries read it,
// and what is for ourselves.
type claims struct {
	jwt.Claims
	Access   []resourceActions `json:"access"`
	Regtoken proof             `json:"regtoken"`
}

// resourceActions is what a JWT allows on one resource.
type resourceActions struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// A proof says which login a JWT was got with. A token's name can be used
// again once the token is gone; its ID cannot.
type proof struct {
	TokenID  uuid.UUID `json:"token_id"`
	SecretID uuid.UUID `json:"secret_id"`

	// List says that the listing was asked for. A registry that verifies JWTs
	// by itself shows all of it or nothing, by Access; a guard shows a part.
	List bool `json:"list,omitempty"`
}

// sign returns the claims as a JWT.
func (k *SigningKeys) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed, err := k.set.Load().current.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// newJWTID returns an ID that no other JWT has.
func newJWTID() string { return rand.Text() }

var errInvalidBearer = errors.New("registryauth: the Bearer token is invalid")

// verify returns the claims of a JWT of ours, which are not to be changed.
func (k *SigningKeys) verify(raw string) (*claims, error) {
	set := k.set.Load()
	return set.verified.claimsOf(raw, set.verify)
}

// verify returns the claims of a JWT of ours. Its header must say what ours
// say and nothing more: a key of the JWT's own, or a place to fetch one, is
// not even looked at.
func (s *keySet) verify(raw string) (*claims, error) {
	protected, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(protected)
	if err != nil {
		return nil, errInvalidBearer
	}
	var header map[string]string
	if err := json.Unmarshal(text, &header); err != nil || len(header) != 3 || header["alg"] != string(algorithm) || header["typ"] != "JWT" {
		return nil, errInvalidBearer
	}
	public, ok := s.public[header["kid"]]
	if !ok {
		return nil, errInvalidBearer
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return nil, errInvalidBearer
	}
	payload, err := signed.Verify(public)
	if err != nil {
		return nil, errInvalidBearer
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errInvalidBearer
	}
	return &c, nil
}

// verify returns the claims of a JWT that this token server, or another with
// its keys, issued for its service and that is good now.
func (s *TokenServer) verify(raw string, now time.Time) (*claims, error) {
	c, err := s.options.Keys.verify(raw)
	switch {
	case err != nil:
		return nil, err
	case c.Issuer != s.options.Issuer,
		len(c.Audience) != 1 || c.Audience[0] != s.options.Service,
		c.Expiry == nil || !now.Before(c.Expiry.Time()),
		c.NotBefore == nil || now.Before(c.NotBefore.Time().Add(-clockSkew)):
		return nil, errInvalidBearer
	}
	return c, nil
}

// covers reports whether the JWT was asked for all that an access needs.
func (c *claims) covers(a access) bool {
	var has regtoken.Action
	for _, r := range c.Access {
		if r.Type != repositoryType || r.Name != a.repository {
			continue
		}
		for _, name := range r.Actions {
			has |= actionNamed(name)
		}
	}
	return has.Has(a.actions)
}
