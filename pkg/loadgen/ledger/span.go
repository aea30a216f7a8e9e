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
