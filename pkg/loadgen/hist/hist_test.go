package hist

import (
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestReadMergesShards(t *testing.T) {
	t.Parallel()
	s := NewSet(4)
	fine, coarse := s.Add(Fine), s.Add(Coarse)
	var wg sync.WaitGroup
	for shard := range 8 {
		wg.Go(func() {
			for i := 1; i <= 1000; i++ {
				s.Record(shard, fine, time.Duration(i)*time.Millisecond)
			}
			s.Record(shard, coarse, time.Second)
			s.Record(shard, None, time.Second)
		})
	}
	wg.Wait()
	h := s.Read(fine)
	if h.Count() != 8000 || h.Min() != 0.001 || h.Max() != 1 {
		t.Errorf("count, min, max = %d, %g, %g; want 8000, 0.001, 1", h.Count(), h.Min(), h.Max())
	}
	if p := h.Percentile(50); p < 0.4995 || p > 0.5005 {
		t.Errorf("p50 = %g, want 0.5", p)
	}
	if m := h.Mean(); m < 0.5004 || m > 0.5006 {
		t.Errorf("mean = %g, want 0.5005", m)
	}
	if both := s.Read(fine, coarse); both.Count() != 8008 || both.Percentile(100) != 1 {
		t.Errorf("both: count, p100 = %d, %g; want 8008, 1", both.Count(), both.Percentile(100))
	}
}

func TestValuesBeyondTheRangeAreCounted(t *testing.T) {
	t.Parallel()
	s := NewSet(1)
	id := s.Add(Coarse)
	s.Record(0, id, -time.Second)
	s.Record(0, id, Top+time.Hour)
	h := s.Read(id)
	if h.Count() != 2 || h.Over != 1 || h.Min() != 0 || h.Max() != (Top+time.Hour).Seconds() {
		t.Errorf("count, over, min, max = %d, %d, %g, %g", h.Count(), h.Over, h.Min(), h.Max())
	}
}

func TestEncodeRoundTrips(t *testing.T) {
	t.Parallel()
	s := NewSet(1)
	id := s.Add(Fine)
	if text, err := s.Read(id).Encode(); text != "" || err != nil {
		t.Errorf("empty: %q, %v", text, err)
	}
	s.Record(0, id, 1234*time.Microsecond)
	text, err := s.Read(id).Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if back.TotalCount() != 1 || back.ValueAtPercentile(50) != 1234 {
		t.Errorf("decoded %d values, p50 %d µs", back.TotalCount(), back.ValueAtPercentile(50))
	}
}

func BenchmarkRecord(b *testing.B) {
	s := NewSet(4)
	id := s.Add(Fine)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.Record(i, id, time.Duration(i%1000)*time.Microsecond)
		}
	})
}
