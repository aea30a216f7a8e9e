package ledger

import "slices"

// span is the half-open interval [lo, hi) of sequence numbers.
type span struct{ lo, hi uint32 }

// spans is a sorted list of disjoint, non-touching intervals.
type spans []span

// find returns the index of the interval that holds seq, or where one that
// starts at seq would go.
func (s spans) find(seq uint32) (int, bool) {
	i, _ := slices.BinarySearchFunc(s, seq, func(sp span, seq uint32) int {
		switch {
		case sp.hi <= seq:
			return -1
		case sp.lo > seq:
			return 1
		}
		return 0
	})
	return i, i < len(s) && s[i].lo <= seq && seq < s[i].hi
}

// remove takes seq out and reports whether it was in.
func (s spans) remove(seq uint32) (spans, bool) {
	i, ok := s.find(seq)
	if !ok {
		return s, false
	}
	sp := s[i]
	switch {
	case sp.hi-sp.lo == 1:
		s = slices.Delete(s, i, i+1)
	case sp.lo == seq:
		s[i].lo++
	case sp.hi-1 == seq:
		s[i].hi--
	default:
		s[i].hi = seq
		s = slices.Insert(s, i+1, span{seq + 1, sp.hi})
	}
	return s, true
}

// add puts seq in; a seq that is in already stays.
func (s spans) add(seq uint32) spans {
	if n := len(s); n == 0 || s[n-1].hi < seq {
		return append(s, span{seq, seq + 1})
	} else if s[n-1].hi == seq {
		s[n-1].hi++
		return s
	}
	i, ok := s.find(seq)
	if ok {
		return s
	}
	left := i > 0 && s[i-1].hi == seq
	right := i < len(s) && s[i].lo == seq+1
	switch {
	case left && right:
		s[i-1].hi = s[i].hi
		return slices.Delete(s, i, i+1)
	case left:
		s[i-1].hi++
	case right:
		s[i].lo--
	default:
		s = slices.Insert(s, i, span{seq, seq + 1})
	}
	return s
}

// cover puts all of [lo, hi) in.
func (s spans) cover(lo, hi uint32) spans {
	if lo >= hi {
		return s
	}
	if n := len(s); n == 0 || s[n-1].hi < lo {
		return append(s, span{lo, hi})
	}
	// The intervals that overlap or touch it become one with it.
	i, _ := slices.BinarySearchFunc(s, lo, func(sp span, lo uint32) int {
		if sp.hi < lo {
			return -1
		}
		return 1
	})
	j := i
	for j < len(s) && s[j].lo <= hi {
		lo, hi = min(lo, s[j].lo), max(hi, s[j].hi)
		j++
	}
	if j == i {
		return slices.Insert(s, i, span{lo, hi})
	}
	s[i] = span{lo, hi}
	return slices.Delete(s, i+1, j)
}

// split calls f for the pieces of [lo, hi) in order, each of which is wholly
// in the list or wholly out of it.
func (s spans) split(lo, hi uint32, f func(lo, hi uint32, in bool)) {
	i, _ := s.find(lo)
	for at := lo; at < hi; {
		switch {
		case i >= len(s) || s[i].lo >= hi:
			f(at, hi, false)
			return
		case at < s[i].lo:
			f(at, s[i].lo, false)
			at = s[i].lo
		default:
			end := min(s[i].hi, hi)
			f(at, end, true)
			at = end
			i++
		}
	}
}
