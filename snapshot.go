package regtoken

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/regtoken/regtoken/internal/flat"
	"github.com/regtoken/regtoken/internal/pattern"
	"github.com/regtoken/regtoken/store"
)

// A snapshot is a token as it stood when it was read, in the form in which
// logins are judged and the cache keeps it: its scopes are compiled, and shared
// with all tokens that have the same; all the rest is words in one piece of
// memory, so that a million of them cost the garbage collector nothing. The
// zero snapshot is none.
//
// The payload is: the snapshotHead; the expiry; the digest of each secret; of
// each secret its ID; if there is an old secret, when it ends; when the token
// and each secret were created, unless their IDs say so; the owner. Times are
// in milliseconds, texts padded with zeros.
type snapshot struct{ flat.Record[pattern.Set] }

// never is the expiry of what has none.
const never = math.MaxInt64

const (
	headWords   = 2 // snapshotHead and the expiry
	digestWords = len(digest{}) / 8
	idWords     = len(uuid.UUID{}) / 8
)

// A snapshotHead is the first word of a payload.
type snapshotHead struct {
	disabled  bool
	datedByID bool // IDs tell when the token and its secrets were created, as they do where a Manager made them
	exact     bool // a record made of the snapshot is the one it was made of, as this version writes it
	secrets   int
	owner     int // bytes
	weight    int
}

const (
	headDisabled = 1 << iota
	headDatedByID
	headExact

	headSecrets = 8 // where the numbers begin
	headOwner   = 16
	headWeight  = 32
)

func (h snapshotHead) word() uint64 {
	word := uint64(h.secrets)<<headSecrets | uint64(h.owner)<<headOwner | uint64(h.weight)<<headWeight
	if h.disabled {
		word |= headDisabled
	}
	if h.datedByID {
		word |= headDatedByID
	}
	if h.exact {
		word |= headExact
	}
	return word
}

func (s snapshot) head() snapshotHead {
	word := s.Payload()[0]
	return snapshotHead{
		disabled:  word&headDisabled != 0,
		datedByID: word&headDatedByID != 0,
		exact:     word&headExact != 0,
		secrets:   int(word >> headSecrets & 0xff),
		owner:     int(word >> headOwner & 0xffff),
		weight:    int(word >> headWeight),
	}
}

// A proofs is the beginning of a payload: all that a login is judged by.
type proofs []uint64

func (s snapshot) proofs() proofs { return s.Payload() }

func (p proofs) secrets() int { return int(p[0] >> headSecrets & 0xff) }

func (p proofs) isDisabled() bool { return p[0]&headDisabled != 0 }

// expiry returns when the token is gone, in milliseconds.
func (p proofs) expiry() int64 { return int64(p[1]) }

// secretExpiry returns when the secret i ends, in milliseconds.
func (p proofs) secretExpiry(i int) int64 {
	if i == 0 {
		return never
	}
	return int64(p[headWords+maxSecrets*(digestWords+idWords)])
}

// indexDigest returns which secret has the digest, or -1. It looks at all of
// them and at all of each, so that the time it takes tells nothing.
func (p proofs) indexDigest(presented *digest) int {
	index := -1
	for i := range p.secrets() {
		stored := (*[digestWords]uint64)(p[headWords+i*digestWords:])
		var difference uint64
		for j, word := range stored {
			difference |= word ^ binary.LittleEndian.Uint64(presented[8*j:])
		}
		if difference == 0 {
			index = i
		}
	}
	return index
}

// newSnapshot makes a record ready to be judged. Errors: ErrUnavailable if it
// cannot be read; then only the token's names and expiry are right.
func newSnapshot(r store.Record) (snapshot, error) {
	e, unreadable := decodeRecord(r)
	if unreadable != nil {
		e = entry{Token: Token{ID: r.ID, Registry: r.Registry, Name: r.Name, ExpiresAt: r.ExpiresAt}, rev: r.Rev}
	}
	s, err := e.snapshot(len(r.Data))
	return s, cmp.Or(unreadable, err)
}

// snapshot makes e ready to be judged, whose record has so much data. Errors: as
// newSnapshot's.
func (e *entry) snapshot(size int) (snapshot, error) {
	key := flat.Key{First: e.Registry, Second: e.Name}
	if len(e.Owner) > maxOwnerLength || !key.Fits() {
		return snapshot{}, fmt.Errorf("%w: record of token %s: the name or the owner is too long", ErrUnavailable, e.ID)
	}
	var unreadable error
	rules := make([]pattern.Rule, len(e.Scopes))
	for i, s := range e.Scopes {
		p, err := pattern.Compile(s.Path)
		if err != nil {
			unreadable = unavailable(err)
			rules = nil
			break
		}
		rules[i] = pattern.Rule{Pattern: p, Actions: uint8(s.Actions)}
	}
	payload := e.payload(1 + size/recordUnit)
	return snapshot{flat.NewRecord(key, flat.ID(e.ID), int64(e.rev), payload, pattern.NewSet(rules))}, unreadable
}

// entry returns the entry that the record would be decoded to, if the snapshot
// is exact.
func (s snapshot) entry() entry {
	e := entry{Token: s.token(maxSecrets), version: recordVersion, rev: store.Rev(s.Rev())}
	words := s.Payload()[headWords:]
	for i := range e.Secrets {
		e.digests = append(e.digests, digest(bytesOf(words[i*digestWords:], len(digest{}))))
	}
	return e
}

// payload returns e in words.
func (e *entry) payload(weight int) []uint64 {
	head := snapshotHead{
		disabled:  e.Status != Enabled,
		datedByID: e.isDatedByID(),
		exact:     e.version == recordVersion && e.isInMillis(),
		secrets:   len(e.Secrets),
		owner:     len(e.Owner),
		weight:    weight,
	}
	words := []uint64{head.word(), millis(e.ExpiresAt)}
	for _, d := range e.digests {
		words = appendBytes(words, d[:])
	}
	for _, s := range e.Secrets {
		words = appendBytes(words, s.ID[:])
	}
	if len(e.Secrets) == maxSecrets {
		words = append(words, millis(e.Secrets[1].ExpiresAt))
	}
	if !head.datedByID {
		words = append(words, uint64(e.CreatedAt.UnixMilli()))
		for _, s := range e.Secrets {
			words = append(words, uint64(s.CreatedAt.UnixMilli()))
		}
	}
	return appendBytes(words, []byte(e.Owner))
}

func (e *entry) isDatedByID() bool {
	dated := e.CreatedAt.UnixMilli() == dateOf(e.ID)
	for _, s := range e.Secrets {
		dated = dated && s.CreatedAt.UnixMilli() == dateOf(s.ID)
	}
	return dated
}

// isInMillis reports whether no time of e has a part below the millisecond.
// Those that a Manager makes have none.
func (e *entry) isInMillis() bool {
	whole := func(t time.Time) bool { return t.Nanosecond()%int(time.Millisecond) == 0 }
	exact := whole(e.CreatedAt) && whole(e.ExpiresAt)
	for _, s := range e.Secrets {
		exact = exact && whole(s.CreatedAt) && whole(s.ExpiresAt)
	}
	return exact
}

// dateOf returns when a UUID of version 7 was made, in milliseconds.
func dateOf(id uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(id[:]) >> 16) }

// millis returns an expiry in milliseconds.
func millis(expiry time.Time) uint64 {
	if expiry.IsZero() {
		return never
	}
	return uint64(expiry.UnixMilli())
}

// appendBytes appends b as words, the last one padded with zeros.
func appendBytes(words []uint64, b []byte) []uint64 {
	for len(b) >= 8 {
		words = append(words, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		words = append(words, binary.LittleEndian.Uint64(last[:]))
	}
	return words
}

// bytesOf returns the first n bytes of words.
func bytesOf(words []uint64, n int) []byte {
	b := make([]byte, 0, n+8)
	for _, w := range words[:(n+7)/8] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b[:n]
}

// isSecret reports whether text, which has the digest of the secret i, is a
// secret by its checksum. That is computed once for each secret.
func (s snapshot) isSecret(i int, text string) bool {
	if s.HasMark(i) {
		return true
	}
	if !isSecret(text) {
		return false
	}
	s.SetMark(i)
	return true
}

// indexSecret returns which secret has the ID, or -1.
func (s snapshot) indexSecret(id uuid.UUID) int {
	for i := range s.proofs().secrets() {
		if s.secretID(i) == id {
			return i
		}
	}
	return -1
}

func (s snapshot) secretID(i int) (id uuid.UUID) {
	copy(id[:], bytesOf(s.Payload()[headWords+s.head().secrets*digestWords+i*idWords:], len(id)))
	return id
}

// token returns all of it, but no more than so many of its secrets.
func (s snapshot) token(secrets int) Token {
	if s.IsNone() {
		return Token{}
	}
	head, key := s.head(), s.Key()
	t := Token{
		ID:        uuid.UUID(s.ID()),
		Registry:  key.First,
		Name:      key.Second,
		Owner:     s.owner(),
		Status:    Enabled,
		CreatedAt: s.created(0, uuid.UUID(s.ID())),
		ExpiresAt: instantOf(s.proofs().expiry()),
	}
	if head.disabled {
		t.Status = Disabled
	}
	for i := range s.Value().Len() {
		t.Scopes = append(t.Scopes, s.scope(i))
	}
	for i := range min(secrets, head.secrets) {
		t.Secrets = append(t.Secrets, s.secret(i))
	}
	return t
}

func (s snapshot) secret(i int) Secret {
	id := s.secretID(i)
	return Secret{ID: id, CreatedAt: s.created(1+i, id), ExpiresAt: instantOf(s.proofs().secretExpiry(i))}
}

// rest returns the words behind those about secrets.
func (s snapshot) rest() []uint64 {
	secrets := s.head().secrets
	words := s.Payload()[headWords+secrets*(digestWords+idWords):]
	if secrets == maxSecrets {
		return words[1:]
	}
	return words
}

// created returns when the token (0) or a secret (1 and up) of this ID was
// created.
func (s snapshot) created(i int, id uuid.UUID) time.Time {
	ms := dateOf(id)
	if !s.head().datedByID {
		ms = int64(s.rest()[i])
	}
	return time.UnixMilli(ms).UTC()
}

func (s snapshot) owner() string {
	head, words := s.head(), s.rest()
	if !head.datedByID {
		words = words[1+head.secrets:]
	}
	return string(bytesOf(words, head.owner))
}

// scope returns the scope i. Its actions tell its type: List belongs to
// registry scopes alone, the others to repository scopes.
func (s snapshot) scope(i int) Scope {
	rule := s.Value().Rule(i)
	scope := RepositoryScope(rule.Pattern.String(), Action(rule.Actions))
	if scope.Actions.Has(List) {
		scope.Type = RegistryType
	}
	return scope
}

// instantOf is the inverse of millis.
func instantOf(expiry int64) time.Time {
	if expiry == never {
		return time.Time{}
	}
	return time.UnixMilli(expiry).UTC()
}
