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

// recordVersion is the version of the encoding that is written. Every version
// that was ever written is read, for good; what is newer than all of readers is
// refused whole, since it might say something that narrows the token.
//
// A version 2, if there has to be one (a member that an old reader must not
// ignore), takes two releases, so that at no time a process meets what it
// cannot read:
//
//  1. The first has a reader for it, readers[2], and still creates version 1.
//     recordData becomes what the newest version says; readV1 decodes into a
//     copy of today's and converts. A token that was read as version 2 is
//     written back as version 2: an edit must not widen what it narrowed.
//     A change begins from no snapshot of one (see snapshotHead.exact).
//  2. The next, once the first runs everywhere, sets recordVersion to 2.
//
// The vectors in testdata/records hold every reader to what it was, and the
// writer to every byte; each version adds its own.
const recordVersion = 1

// readers has at each version what reads it.
var readers = [...]func(encoded []byte) (recordData, error){
	1: readV1,
}

// sizeReserve is what scopes leave free of the most a store keeps: a token that
// is full of them can still be disabled and rotated.
const sizeReserve = 1 << 10

// An entry is a token as it is kept: with the digests of its secrets.
type entry struct {
	Token
	digests []digest // of Secrets, in their order
	version int      // of the encoding it was read from, or is written in
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
		version: data.Version,
		rev:     r.Rev,
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
	version, err := versionOf(encoded)
	switch {
	case err != nil:
		return recordData{}, err
	case version >= len(readers):
		return recordData{}, fmt.Errorf("version %d; this library reads version %d and no newer one: upgrade this process", version, len(readers)-1)
	case version < 1:
		return recordData{}, fmt.Errorf("version %d: there is no such version", version)
	}
	return readers[version](encoded)
}

// versionOf reads the version alone, of whatever the rest may be; 0 if it has
// none. It stands at the beginning, and is found without reading on.
func versionOf(encoded []byte) (version int, err error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	if start, err := decoder.Token(); start != json.Delim('{') {
		return 0, err
	}
	for decoder.More() {
		member, err := decoder.Token()
		if err != nil {
			return 0, err
		}
		if member == "v" {
			err := decoder.Decode(&version)
			return version, err
		}
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func readV1(encoded []byte) (recordData, error) {
	var data recordData
	if err := decodeExactly(encoded, &data); err != nil {
		return recordData{}, err
	}
	if data.Version != 1 {
		return recordData{}, errors.New("two versions in one record")
	}
	return data, data.check()
}

// decodeExactly decodes one JSON value that has only members known to the
// target, and nothing behind it.
func decodeExactly(encoded []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if len(bytes.TrimSpace(encoded[decoder.InputOffset():])) > 0 {
		return errors.New("data behind the end")
	}
	return nil
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
