package regtoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/store"
)

// recordVersion is the version of the encoding below. A reader knows every
// version up to its own and refuses what is newer: it might say something
// that narrows the token.
const recordVersion = 1

// sizeReserve is what scopes leave free of the most a store keeps: a token that
// is full of them can still be disabled and rotated.
const sizeReserve = 1 << 10

// An entry is a token as it is kept: with the digests of its secrets.
type entry struct {
	Token
	digests []digest // of Secrets, in their order
	rev     store.Rev

	// Since it was read:
	grew   bool      // scopes were added
	issued uuid.UUID // the ID of the secret it got, if any
}

// recordData is the encoding of what has no column of its own in a
// [store.Record]: JSON, so that an operator can read it in the database.
type recordData struct {
	Version   int          `json:"v"`
	CreatedAt time.Time    `json:"createdAt"`
	Owner     string       `json:"owner,omitempty"`
	Disabled  bool         `json:"disabled,omitempty"`
	Scopes    []Scope      `json:"scopes,omitempty"`
	Secrets   []secretData `json:"secrets"`
}

type secretData struct {
	ID        uuid.UUID `json:"id"`
	SHA256    []byte    `json:"sha256"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// record encodes e. Errors: ErrInvalid (field "scopes") if it is too large.
func (e *entry) record() (store.Record, error) {
	data := recordData{
		Version:   recordVersion,
		CreatedAt: e.CreatedAt,
		Owner:     e.Owner,
		Disabled:  e.Status == Disabled,
		Scopes:    e.Scopes,
	}
	for i, s := range e.Secrets {
		data.Secrets = append(data.Secrets, secretData{s.ID, e.digests[i][:], s.CreatedAt, s.ExpiresAt})
	}
	encoded, err := json.Marshal(data)
	if err != nil { // a clock outside the years that JSON can write
		return store.Record{}, fmt.Errorf("%w: encoding token %s: %w", ErrUnavailable, e.ID, err)
	}
	limit := store.MaxData
	if e.grew {
		limit -= sizeReserve
	}
	if len(encoded) > limit {
		return store.Record{}, invalid("scopes", ruleSize)
	}
	return store.Record{
		ID:        e.ID,
		Registry:  e.Registry,
		Name:      e.Name,
		ExpiresAt: e.ExpiresAt,
		Data:      encoded,
		Rev:       e.rev,
	}, nil
}

// decodeRecord is the inverse of entry.record. What it does not understand in
// full it refuses, with ErrUnavailable.
func decodeRecord(r store.Record) (entry, error) {
	data, err := decodeData(r.Data)
	if err != nil {
		// Only the text: what is wrong with a record is no fault of an input.
		return entry{}, fmt.Errorf("%w: record of token %s: %s", ErrUnavailable, r.ID, err.Error())
	}
	e := entry{
		Token: Token{
			ID:        r.ID,
			Registry:  r.Registry,
			Name:      r.Name,
			Owner:     data.Owner,
			Status:    Enabled,
			CreatedAt: data.CreatedAt.UTC(),
			Scopes:    data.Scopes,
		},
		rev: r.Rev,
	}
	if data.Disabled {
		e.Status = Disabled
	}
	if !r.ExpiresAt.IsZero() {
		e.ExpiresAt = r.ExpiresAt.UTC()
	}
	for _, s := range data.Secrets {
		e.Secrets = append(e.Secrets, Secret{ID: s.ID, CreatedAt: s.CreatedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC()})
		e.digests = append(e.digests, digest(s.SHA256))
	}
	return e, nil
}

func decodeData(encoded []byte) (recordData, error) {
	var data recordData
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&data)
	if err == nil && len(bytes.TrimSpace(encoded[decoder.InputOffset():])) > 0 {
		err = errors.New("data behind the end")
	}
	if err != nil && data.Version == 0 {
		data.Version = versionOf(encoded)
	}
	switch {
	case err == nil && data.Version == recordVersion:
	case err != nil && (data.Version == 0 || data.Version == recordVersion):
		return recordData{}, err
	default:
		return recordData{}, fmt.Errorf("version %d; this library reads version %d", data.Version, recordVersion)
	}
	return data, data.check()
}

// check refuses what JSON can say and no version 1 ever wrote.
func (data recordData) check() error {
	for i, s := range data.Scopes {
		if s == (Scope{}) { // null; what is text was checked as it was read
			return fmt.Errorf("scope %d is missing", i)
		}
	}
	if n := len(data.Secrets); n < 1 || n > maxSecrets {
		return fmt.Errorf("%d secrets", n)
	}
	for i, s := range data.Secrets {
		switch {
		case s.ID == uuid.Nil || i > 0 && s.ID == data.Secrets[0].ID:
			return fmt.Errorf("secret %d has no ID of its own", i)
		case len(s.SHA256) != len(digest{}):
			return fmt.Errorf("secret %d has a digest of another length", i)
		case s.ExpiresAt.IsZero() != (i == 0):
			return fmt.Errorf("secret %d must end if it is the old one, and only then", i)
		}
	}
	return nil
}

// versionOf reads the version alone, of whatever the rest may be.
func versionOf(encoded []byte) int {
	var versioned struct {
		Version int `json:"v"`
	}
	if json.Unmarshal(encoded, &versioned) != nil {
		return 0
	}
	return versioned.Version
}

const maxSecrets = 2

// keepSecrets drops all secrets but the first n.
func (e *entry) keepSecrets(n int) {
	if len(e.Secrets) > n {
		e.Secrets, e.digests = e.Secrets[:n], e.digests[:n]
	}
}

// dropEndedSecrets drops the old secret if its overlap has ended, and reports
// whether it did.
func (e *entry) dropEndedSecrets(now time.Time) bool {
	ended := len(e.Secrets) == maxSecrets && hasEnded(e.Secrets[1].ExpiresAt, now)
	if ended {
		e.keepSecrets(1)
	}
	return ended
}

// addScopes adds those that e lacks and returns them.
func (e *entry) addScopes(scopes []Scope) (added []Scope) {
	had := make(map[Scope]bool, len(e.Scopes))
	for _, s := range e.Scopes {
		had[s] = true
	}
	for _, s := range scopes {
		if !had[s] {
			had[s] = true
			added = append(added, s)
		}
	}
	e.Scopes = slices.Concat(e.Scopes, added)
	e.grew = len(added) > 0
	return added
}
