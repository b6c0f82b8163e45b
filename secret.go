package regtoken

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"strings"
	"unsafe"
)

// A secret is PREFIX_ + 32 random base62 characters + 6 base62 characters of
// CRC-32 (IEEE) over all before them. The underscore keeps a secret from ever
// being a token name.
const (
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomLength   = 32 // 190 bits
	checksumLength = 6  // 62^6 > 2^32
	bodyLength     = randomLength + checksumLength

	minPrefixLength = 2
	maxPrefixLength = 16
	maxSecretLength = maxPrefixLength + 1 + bodyLength
)

// SecretPattern is a regular expression (RE2 syntax) for what looks like a
// secret of this library, with any prefix: for secret scanners. A match whose
// checksum is wrong is none; [FindSecrets] tells.
const SecretPattern = `[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{38}`

// newSecret makes a secret from the system's cryptographic source, which does
// not fail.
func newSecret(prefix string) string {
	var b strings.Builder
	b.Grow(len(prefix) + 1 + bodyLength)
	b.WriteString(prefix)
	b.WriteByte('_')
	var random [1]byte
	for n := 0; n < randomLength; {
		rand.Read(random[:])
		// The bytes below the last multiple of 62 fall evenly on the alphabet.
		if random[0] < 256/62*62 {
			b.WriteByte(base62[random[0]%62])
			n++
		}
	}
	sum := secretChecksum(b.String())
	b.Write(sum[:])
	return b.String()
}

// secretChecksum returns the checksum of a secret but for that, in digits.
func secretChecksum(text string) (digits [checksumLength]byte) {
	sum := crc32.ChecksumIEEE([]byte(text))
	for i := range digits {
		digits[checksumLength-1-i] = base62[sum%62]
		sum /= 62
	}
	return digits
}

// isSecret reports whether text has the form of a secret and the right
// checksum. It spares the store typing errors and junk; it stops no attacker.
func isSecret(text string) bool {
	underscore := len(text) - bodyLength - 1
	if underscore < minPrefixLength || underscore > maxPrefixLength || text[underscore] != '_' {
		return false
	}
	for i := range text {
		b := text[i]
		switch {
		case i == underscore, b >= 'a' && b <= 'z':
		case b >= '0' && b <= '9' && i > 0:
		case b >= 'A' && b <= 'Z' && i > underscore:
		default:
			return false
		}
	}
	split := len(text) - checksumLength
	sum := secretChecksum(text[:split])
	return string(sum[:]) == text[split:]
}

// FindSecrets returns where in text secrets of this library stand, as pairs of
// start and end like [regexp.Regexp.FindAllStringIndex], in order and without
// overlap; nil if there are none. Prefixes do not matter, checksums do.
func FindSecrets(text string) [][]int {
	var found [][]int
	for free, underscore := 0, 0; ; underscore++ {
		next := strings.IndexByte(text[underscore:], '_')
		if next < 0 {
			return found
		}
		underscore += next
		end := underscore + 1 + bodyLength
		if end > len(text) {
			return found
		}
		for start := max(free, underscore-maxPrefixLength); start <= underscore-minPrefixLength; start++ {
			if isSecret(text[start:end]) {
				found = append(found, []int{start, end})
				free, underscore = end, end-1
				break
			}
		}
	}
}

// secretLike is what may be a secret or the better part of a mistyped one,
// whose checksum is then wrong but can be computed.
var secretLike = regexp.MustCompile(`([a-z][a-z0-9]{1,15}_)?[0-9A-Za-z]{20,}`)

// redactSecrets returns text with all that may be a secret blotted out.
func redactSecrets(text string) string { return secretLike.ReplaceAllString(text, redacted) }

// A digest is what is kept of a secret: SHA-256 of all of it. A secret is
// random, so a slow password hash would protect nothing.
type digest = [sha256.Size]byte

// digestOf returns the digest of a secret. It reads the text where it lies: a
// copy would cost an allocation, or a tenth of the hash.
func digestOf(secret string) digest {
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(secret), len(secret)))
}

// A Password holds a secret and keeps it from leaking: printed in any way,
// logged, or encoded as JSON or text, it is "[redacted]", also inside other
// values. Only [Password.Reveal] gives it up. The zero Password is empty. Two
// Passwords cannot be compared with ==.
type Password struct {
	// A function, since fmt and reflection look through strings and pointers
	// in unexported fields without asking any method.
	reveal func() string
}

const redacted = "[redacted]"

// NewPassword wraps a secret, as a client presented it.
func NewPassword(secret string) Password {
	return Password{reveal: func() string { return secret }}
}

// Reveal returns the secret itself. Whoever calls it answers for where it goes.
func (p Password) Reveal() string {
	if p.reveal == nil {
		return ""
	}
	return p.reveal()
}

// String returns "[redacted]".
func (p Password) String() string { return redacted }

// GoString returns "[redacted]".
func (p Password) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (p Password) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[redacted]".
func (p Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]" as a JSON string.
func (p Password) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (p Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
