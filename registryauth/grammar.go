package registryauth

import "strings"

// The grammars are those of the OCI distribution and image specifications. A
// reference in the tests says each as a regular expression.

const (
	maxName     = 255
	maxTag      = 128
	maxUploadID = 255
)

// isName reports whether text is a repository name:
// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* joined by slashes.
func isName(text string) bool {
	if len(text) > maxName {
		return false
	}
	for component := range strings.SplitSeq(text, "/") {
		if !isNameComponent(component) {
			return false
		}
	}
	return true
}

func isNameComponent(text string) bool {
	for {
		word := leading(text, lowerAlnum)
		if word == 0 {
			return false
		}
		text = text[word:]
		if text == "" {
			return true
		}
		separator := len(text) - len(strings.TrimLeft(text, text[:1]))
		switch text[0] {
		case '.':
			if separator > 1 {
				return false
			}
		case '_':
			if separator > 2 {
				return false
			}
		case '-':
		default:
			return false
		}
		text = text[separator:]
	}
}

// isTag: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func isTag(text string) bool {
	return text != "" && len(text) <= maxTag && text[0] != '.' && text[0] != '-' &&
		leading(text, tagBytes) == len(text)
}

// isDigest: [a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+.
func isDigest(text string) bool {
	algorithm, encoded, ok := strings.Cut(text, ":")
	if !ok || encoded == "" || leading(encoded, encodedBytes) < len(encoded) {
		return false
	}
	for {
		word := leading(algorithm, lowerAlnum)
		if word == 0 {
			return false
		}
		algorithm = algorithm[word:]
		if algorithm == "" {
			return true
		}
		if strings.IndexByte("+._-", algorithm[0]) < 0 {
			return false
		}
		algorithm = algorithm[1:]
	}
}

// isUploadID: [a-zA-Z0-9_=-][a-zA-Z0-9._=-]{0,254}. The specification leaves
// it to the registry; this is what registries issue, without what a path could
// read as a step up.
func isUploadID(text string) bool {
	return text != "" && len(text) <= maxUploadID && text[0] != '.' &&
		leading(text, uploadIDBytes) == len(text)
}

// A byteSet says of every byte whether it is of a kind. Each request's path is
// read by these.
type byteSet [256]bool

var (
	lowerAlnum    = new(byteSet).with("abcdefghijklmnopqrstuvwxyz0123456789")
	tagBytes      = lowerAlnum.with("ABCDEFGHIJKLMNOPQRSTUVWXYZ._-")
	encodedBytes  = lowerAlnum.with("ABCDEFGHIJKLMNOPQRSTUVWXYZ=_-")
	uploadIDBytes = tagBytes.with("=")
)

// with returns a set that has the bytes of text, too.
func (s *byteSet) with(text string) *byteSet {
	more := *s
	for i := range len(text) {
		more[text[i]] = true
	}
	return &more
}

// leading returns how many bytes at the start of text are in the set.
func leading(text string, set *byteSet) int {
	for i := range len(text) {
		if !set[text[i]] {
			return i
		}
	}
	return len(text)
}
