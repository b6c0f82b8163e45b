package pattern

// The grammar of repository names in the OCI distribution specification,
//
//	[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*, such components joined by "/",
//
// as a deterministic automaton. IsName runs it over a name; Check runs a
// pattern through it to see whether any name could match.
type state uint8

const (
	stateStart       state = iota // before the first byte of a component
	stateWord                     // within letters and digits; the only one a name may end in
	stateDot                      // behind a "."
	stateUnderscore               // behind a "_"
	stateUnderscores              // behind a "__"
	stateDashes                   // behind one "-" or more
	states
	stateNone = states // no name begins this way
)

// next has a row for each state and a column for each byte.
var next = func() (table [states][256]state) {
	for from := range table {
		for b := range table[from] {
			table[from][b] = stateNone
			if b >= 'a' && b <= 'z' || b >= '0' && b <= '9' {
				table[from][b] = stateWord
			}
		}
	}
	table[stateWord]['/'] = stateStart
	table[stateWord]['.'] = stateDot
	table[stateWord]['_'] = stateUnderscore
	table[stateWord]['-'] = stateDashes
	table[stateUnderscore]['_'] = stateUnderscores
	table[stateDashes]['-'] = stateDashes
	return table
}()

// walk is next for one byte after the other: in the row of a byte, the state
// behind each state stands as many bits up as that state's own number says. So
// a state is ready one shift after the one before it, and waits for no load.
var walk = func() (rows [256]uint64) {
	for b := range rows {
		for from := range states {
			rows[b] |= uint64(next[from][b]*stateBits) << (from * stateBits)
		}
		rows[b] |= uint64(stateNone*stateBits) << (stateNone * stateBits)
	}
	return rows
}()

// stateBits is enough for the number of any bit.
const stateBits = 6

// IsName reports whether s is a repository name by the OCI distribution
// specification, at most MaxLength bytes long.
func IsName(s string) bool {
	if len(s) > MaxLength {
		return false
	}
	at := uint64(stateStart * stateBits)
	for i := range len(s) {
		at = walk[s[i]] >> (at % 64)
	}
	return at%64 == uint64(stateWord*stateBits)
}
