package pattern

// A block is a Set and the array of its rules. One that is cold in memory costs
// a page less than two would.
type block[A any] struct {
	set   Set
	array A
}

// allocate returns a Set of n rules to be filled in; those of a list that is
// gone through lie in its block.
func allocate(n int) *Set {
	switch {
	case n <= 1:
		b := new(block[[1]rule])
		return b.set.over(b.array[:n])
	case n <= 2:
		b := new(block[[2]rule])
		return b.set.over(b.array[:n])
	case n <= 3:
		b := new(block[[3]rule])
		return b.set.over(b.array[:n])
	case n <= 4:
		b := new(block[[4]rule])
		return b.set.over(b.array[:n])
	case n <= 6:
		b := new(block[[6]rule])
		return b.set.over(b.array[:n])
	case n <= 8:
		b := new(block[[8]rule])
		return b.set.over(b.array[:n])
	case n <= 10:
		b := new(block[[10]rule])
		return b.set.over(b.array[:n])
	case n <= 12:
		b := new(block[[12]rule])
		return b.set.over(b.array[:n])
	case n <= mostScanned:
		b := new(block[[mostScanned]rule])
		return b.set.over(b.array[:n])
	default:
		return new(Set).over(make([]rule, n))
	}
}

func (s *Set) over(rules []rule) *Set {
	s.rules = rules
	return s
}
