package hist

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram is a merged view of series. Values are seconds; the zero value is
// empty. It is not safe for concurrent use.
type Histogram struct {
	h        *hdrhistogram.Histogram
	min, max int64
	sum      float64
	// Over is how many values were longer than Top.
	Over int64
}

func (h *Histogram) add(c *cell, digits Digits) {
	if c.h == nil {
		return
	}
	h.merge(c.h, c.min, c.max, c.sum, c.over, int(digits))
}

// Merge adds all of o's values.
func (h *Histogram) Merge(o *Histogram) {
	if o.h != nil {
		h.merge(o.h, o.min, o.max, o.sum, o.Over, int(o.h.SignificantFigures()))
	}
}

func (h *Histogram) merge(o *hdrhistogram.Histogram, lo, hi int64, sum float64, over int64, digits int) {
	if h.h == nil {
		h.h = hdrhistogram.New(1, Top.Microseconds(), digits)
		h.min, h.max = lo, hi
	}
	h.Over += over + h.h.Merge(o)
	h.min, h.max = min(h.min, lo), max(h.max, hi)
	h.sum += sum
}

// Count is the number of values.
func (h *Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Min is the smallest value, exact to the microsecond.
func (h *Histogram) Min() float64 { return float64(h.min) / 1e6 }

// Max is the largest value, exact to the microsecond.
func (h *Histogram) Max() float64 { return float64(h.max) / 1e6 }

// Mean is the arithmetic mean, 0 when empty.
func (h *Histogram) Mean() float64 {
	if n := h.Count(); n > 0 {
		return h.sum / float64(n) / 1e6
	}
	return 0
}

// Percentile is the value that p percent of the values don't exceed, within
// the precision of the series and never over Max.
func (h *Histogram) Percentile(p float64) float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(min(max(h.h.ValueAtPercentile(p), h.min), h.max)) / 1e6
}

// Encode is the histogram in HdrHistogram's V2 compressed form, base64, in
// microseconds; "" when empty.
func (h *Histogram) Encode() (string, error) {
	if h.Count() == 0 {
		return "", nil
	}
	b, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	return string(b), err
}

// ShareAbove is the share of values that are at least v seconds, 0 to 1.
func (h *Histogram) ShareAbove(v float64) float64 {
	n := h.Count()
	if n == 0 {
		return 0
	}
	var above int64
	for _, bar := range h.h.Distribution() {
		if float64(bar.From) >= v*1e6 {
			above += bar.Count
		}
	}
	return float64(above) / float64(n)
}
