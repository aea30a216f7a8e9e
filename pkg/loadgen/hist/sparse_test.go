package hist

import (
	"testing"
	"time"
)

// TestSparseSince: a later reading less an earlier one is what was recorded
// between them.
func TestSparseSince(t *testing.T) {
	t.Parallel()
	s := NewSet(2)
	id := s.Add(Fine)
	read := func() *Sparse { return s.Read(id).Sparse() }
	var empty *Sparse
	if read() != nil || empty.Count() != 0 || empty.Since(nil).Count() != 0 {
		t.Error("an empty reading is not empty")
	}
	for i := range 1000 {
		s.Record(i, id, time.Duration(i+1)*time.Millisecond)
	}
	first := read()
	if h := first.Since(nil); h.Count() != 1000 || h.Min() != 0.001 || h.Max() != 1 || h.Mean() < 0.5004 || h.Mean() > 0.5006 {
		t.Errorf("from the beginning: %d, %g to %g, mean %g", h.Count(), h.Min(), h.Max(), h.Mean())
	}
	if h := read().Since(first); h.Count() != 0 || h.Percentile(99) != 0 {
		t.Errorf("nothing new: %d", h.Count())
	}
	for range 100 {
		s.Record(0, id, 20*time.Millisecond)
	}
	second := read()
	if h := second.Since(first); h.Count() != 100 || h.Percentile(50) < 0.0199 || h.Percentile(50) > 0.0201 || h.Max() > 0.0201 || h.Mean() < 0.0199 || h.Mean() > 0.0201 {
		t.Errorf("between: %d, p50 %g, max %g, mean %g", h.Count(), h.Percentile(50), h.Max(), h.Mean())
	}
	s.Record(1, id, 3*time.Second)
	if h := read().Since(second); h.Count() != 1 || h.Max() != 3 {
		t.Errorf("a new maximum: %d, max %g", h.Count(), h.Max())
	}
	text, err := s.Read(id).Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(text)
	if err != nil || back.Count() != 1101 || back.Percentile(50) != s.Read(id).Percentile(50) {
		t.Errorf("decoded %d values: %v", back.Count(), err)
	}
	if _, err := Decode("garbage"); err == nil {
		t.Error("garbage is taken for a histogram")
	}
}
