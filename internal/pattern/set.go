package pattern

import (
	"slices"
	"sync"
)

// A Rule is what one pattern gives: a set of bits, opaque here, at least one.
type Rule struct {
	Pattern *Pattern
	Actions uint8
}

// A Set is an immutable list of rules that tells fast which of them match a
// repository name. A nil Set is an empty one. Sets are safe for concurrent
// use; the first to ask one of many rules builds its index.
//
// Whatever proposes a rule, it counts only if gobwas says that it matches. What
// a call costs besides: up to 16 rules are gone through, a few comparisons
// each. In larger sets, and where more than one rule has text between stars,
// the name is looked up: once as a literal; once for each length of prefix (the
// text before the first star) that the set has, and beside each prefix found
// that several rules share, once for each of their lengths of suffix, where the
// byte beside the star may be the name's; and if several with text between
// stars share both, once for each of its bytes. Rules that share all that is
// looked up are asked in turn: those of one pattern, and those with text
// between the stars of which each eight bytes are shared. Where that would be
// many lookups (sets that are made for it), all rules are gone through after
// all.
type Set struct {
	rules   []rule
	actions uint8
	indexed bool // rather than gone through
	once    sync.Once
	index   *index
}

// A list of so many rules is gone through, if no more than a few of them are to
// be asked for what stands between their stars, which is slow.
//
// Of fewer still gobwas is asked about each that its length and the bytes beside
// its stars do not rule out: hashing the name would take longer.
const (
	mostAsked         = 2
	mostScanned       = 16
	mostPiecesScanned = 1
)

// A rule is a Rule beside what rules most names out, so that going through a
// list touches nothing else.
type rule struct {
	pattern *Pattern
	ends
	shape
	actions uint8
}

func newSet(rules []Rule) *Set {
	s := allocate(len(rules))
	pieces := 0
	for i, r := range rules {
		s.rules[i] = rule{r.Pattern, r.Pattern.ends, r.Pattern.shape, r.Actions}
		s.actions |= r.Actions
		if r.Pattern.stars > 1 {
			pieces++
		}
	}
	s.indexed = len(rules) > mostScanned || pieces > mostPiecesScanned
	return s
}

// Len returns the number of rules.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.rules)
}

// Rule returns the rule at place i. It panics unless 0 <= i < Len.
func (s *Set) Rule(i int) Rule { return Rule{s.rules[i].pattern, s.rules[i].actions} }

// Actions returns the union of what the rules give.
func (s *Set) Actions() uint8 {
	if s == nil {
		return 0
	}
	return s.actions
}

// Match returns what rules that match name give of want: all of it as soon as
// they do, else whatever any of them gives. The name must fit [IsName].
func (s *Set) Match(name string, want uint8) (got uint8) {
	want &= s.Actions()
	if want == 0 {
		return 0
	}
	if len(s.rules) <= mostAsked {
		for i := range s.rules {
			r := &s.rules[i]
			if r.actions&want&^got != 0 && r.admits(name) && r.pattern.glob.Match(name) {
				got |= r.actions & want
			}
		}
		return got
	}
	var q query
	q.text, q.missing = name, want
	s.search(&q)
	return q.got & want
}

// Matching returns the places of all rules that match name and give any of
// want, in ascending order. The name must fit [IsName].
func (s *Set) Matching(name string, want uint8) []int {
	want &= s.Actions()
	if want == 0 {
		return nil
	}
	var places []int
	q := query{missing: want, places: &places}
	q.text = name
	s.search(&q)
	slices.Sort(places)
	return slices.Compact(places)
}

// A query is one search for rules.
type query struct {
	subject
	missing uint8 // of what is wanted; 0 ends the search
	got     uint8
	lookups int    // that an index may still make
	grams   uint8  // what rules that are filed by a gram could give
	from    int    // where their grams may begin: behind the shortest prefix
	places  *[]int // of all rules that match, if these are asked for instead of what they give
}

// ask confirms that a rule matches before it counts.
func (q *query) ask(place int, r *rule) {
	switch {
	case r.actions&q.missing == 0 || !r.pattern.glob.Match(q.text):
	case q.places != nil:
		*q.places = append(*q.places, place)
	default:
		q.got |= r.actions
		q.missing &^= r.actions
	}
}

// askGrams notes that rules filed by a gram could give so much, and how long
// their prefix is; shorter ones come first.
func (q *query) askGrams(actions uint8, prefixLen int) {
	if q.grams == 0 {
		q.from = prefixLen
	}
	q.grams |= actions
}

func (s *Set) search(q *query) {
	q.read(q.text)
	if s.indexed {
		s.once.Do(func() { s.index = newIndex(s.rules) })
		if s.index.search(q) {
			return
		}
	}
	var prefixLen, suffixLen uint8 // of the hashes at hand
	prefix, suffix := q.prefix(0), q.suffix(0)
	for i := range s.rules {
		r := &s.rules[i]
		if r.actions&q.missing == 0 || !r.admits(q.text) {
			continue
		}
		if r.prefixLen != prefixLen {
			prefixLen = r.prefixLen
			prefix = q.prefix(prefixLen)
		}
		if r.prefix != prefix {
			continue
		}
		if r.suffixLen != suffixLen {
			suffixLen = r.suffixLen
			suffix = q.suffix(suffixLen)
		}
		if r.suffix != suffix {
			continue
		}
		if q.ask(i, r); q.missing == 0 {
			return
		}
	}
}

// holds reports whether the rules of s are these.
func (s *Set) holds(rules []Rule) bool {
	return slices.EqualFunc(s.rules, rules, func(a rule, b Rule) bool { return a.pattern == b.Pattern && a.actions == b.Actions })
}
