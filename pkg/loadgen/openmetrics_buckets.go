package loadgen

import "strconv"

// latencyBuckets are the upper bounds of the buckets, in seconds, as OpenMetrics
// writes them: the same ones in every run, so that runs can be added up.
var latencyBuckets = []struct {
	text string
	us   int64
}{
	{"0.0001", 100},
	{"0.00025", 250},
	{"0.0005", 500},
	{"0.001", 1_000},
	{"0.0025", 2_500},
	{"0.005", 5_000},
	{"0.01", 10_000},
	{"0.025", 25_000},
	{"0.05", 50_000},
	{"0.1", 100_000},
	{"0.25", 250_000},
	{"0.5", 500_000},
	{"1.0", 1_000_000},
	{"2.5", 2_500_000},
	{"5.0", 5_000_000},
	{"10.0", 10_000_000},
	{"30.0", 30_000_000},
	{"60.0", 60_000_000},
}

// histogram writes one series. A value counts to a bucket if the histogram
// that was kept, which is exact to 1 %, has it within the bound.
func (o *openMetrics) histogram(name string, s *openMetricsSeries) {
	below := make([]int64, len(latencyBuckets))
	if s.hdr != nil {
		i, n := 0, int64(0)
		for _, bar := range s.hdr.Distribution() {
			for i < len(below) && bar.To > latencyBuckets[i].us {
				below[i] = n
				i++
			}
			n += bar.Count
		}
		for ; i < len(below); i++ {
			below[i] = n
		}
	}
	for i, b := range latencyBuckets {
		o.sample(name+"_bucket", s.labels+`,le="`+b.text+`"`, strconv.FormatInt(below[i], 10))
	}
	count := strconv.FormatInt(s.m.Count, 10)
	o.sample(name+"_bucket", s.labels+`,le="+Inf"`, count)
	o.sample(name+"_sum", s.labels, number(s.sum))
	o.sample(name+"_count", s.labels, count)
}
