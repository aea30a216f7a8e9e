package ledger

import (
	"math/rand/v2"
	"testing"
)

// TestSpansAreASet compares the interval list with a plain set.
func TestSpansAreASet(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var s spans
	set := map[uint32]bool{}
	for range 20_000 {
		v := r.Uint32N(100)
		if r.IntN(2) == 0 {
			s = s.add(v)
			set[v] = true
		} else {
			var was bool
			if s, was = s.remove(v); was != set[v] {
				t.Fatalf("remove(%d) = %v, want %v", v, was, set[v])
			}
			delete(set, v)
		}
		n := 0
		for i, sp := range s {
			if sp.lo >= sp.hi || i > 0 && s[i-1].hi >= sp.lo {
				t.Fatalf("intervals %v overlap or touch", s)
			}
			n += int(sp.hi - sp.lo)
		}
		if n != len(set) {
			t.Fatalf("%v has %d members, want %d", s, n, len(set))
		}
	}
}
