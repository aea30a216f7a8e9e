package hist

import (
	"errors"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Counts are the values of a histogram as pairs of value and count, in
// ascending order: what is left of a histogram when most of its buckets are
// empty. A Counts is not changed once it is made.
type Counts struct{ list []bucket }

type bucket struct{ value, count int64 } // microseconds

// Counts lists the non-empty buckets.
func (h *Histogram) Counts() Counts {
	if h.h == nil {
		return Counts{}
	}
	return countsOf(h.h)
}

func countsOf(h *hdrhistogram.Histogram) Counts {
	var c Counts
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			c.list = append(c.list, bucket{bar.To, bar.Count})
		}
	}
	return c
}

// maxEncoded bounds an encoded histogram; those of a Set take some kilobytes.
const maxEncoded = 1 << 20

// DecodeCounts reads what Encode wrote.
func DecodeCounts(text string) (Counts, error) {
	if len(text) > maxEncoded {
		return Counts{}, errors.New("larger than 1 MiB")
	}
	h, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return Counts{}, err
	}
	return countsOf(h), nil
}

// Total is the number of values.
func (c Counts) Total() int64 {
	var n int64
	for _, b := range c.list {
		n += b.count
	}
	return n
}

// Add is both together.
func (c Counts) Add(o Counts) Counts { return c.join(o, 1) }

// Sub is c without the values of o, an earlier state of it.
func (c Counts) Sub(o Counts) Counts { return c.join(o, -1) }

func (c Counts) join(o Counts, sign int64) Counts {
	out := make([]bucket, 0, len(c.list)+len(o.list))
	put := func(b bucket) {
		if b.count > 0 {
			out = append(out, b)
		}
	}
	i, k := 0, 0
	for i < len(c.list) || k < len(o.list) {
		switch {
		case k == len(o.list) || i < len(c.list) && c.list[i].value < o.list[k].value:
			put(c.list[i])
			i++
		case i == len(c.list) || o.list[k].value < c.list[i].value:
			put(bucket{o.list[k].value, sign * o.list[k].count})
			k++
		default:
			put(bucket{c.list[i].value, c.list[i].count + sign*o.list[k].count})
			i++
			k++
		}
	}
	return Counts{out}
}

// Percentile is the value, in seconds, that p percent of the values don't
// exceed; 0 when there are none.
func (c Counts) Percentile(p float64) float64 { return c.At(p / 100) }

// At is the value, in seconds, at a rank from 0 to 1.
func (c Counts) At(rank float64) float64 {
	want := rank * float64(c.Total())
	var seen float64
	for _, b := range c.list {
		if seen += float64(b.count); seen >= want {
			return float64(b.value) / 1e6
		}
	}
	return 0
}

// Each calls f with each value, in seconds, and how often it is there.
func (c Counts) Each(f func(value float64, count int64)) {
	for _, b := range c.list {
		f(float64(b.value)/1e6, b.count)
	}
}
