package hist

import (
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	s := NewSet(2)
	id := s.Add(Fine)
	for i := 1; i <= 100; i++ {
		s.Record(i, id, time.Duration(i)*time.Millisecond)
	}
	first := s.Read(id).Counts()
	for i := 101; i <= 200; i++ {
		s.Record(i, id, time.Duration(i)*time.Millisecond)
	}
	all := s.Read(id).Counts()
	later := all.Sub(first)
	if n := later.Total(); n != 100 {
		t.Errorf("%d values came later, want 100", n)
	}
	if p := later.Percentile(50); p < 0.1499 || p > 0.1502 {
		t.Errorf("their median is %g, want 0.15", p)
	}
	if n := first.Add(later).Total(); n != 200 {
		t.Errorf("together %d, want 200", n)
	}
	if n := first.Sub(all).Total(); n != 0 {
		t.Errorf("an earlier state has %d values that the later has not", n)
	}
	text, err := s.Read(id).Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeCounts(text)
	if err != nil || back.Total() != 200 || back.Percentile(99) != all.Percentile(99) {
		t.Errorf("decoded %d values, %v", back.Total(), err)
	}
	if (Counts{}).Percentile(99) != 0 {
		t.Error("the percentile of nothing is not 0")
	}
	if _, err := DecodeCounts("HISTFAAA"); err == nil {
		t.Error("a broken histogram was read")
	}
}
