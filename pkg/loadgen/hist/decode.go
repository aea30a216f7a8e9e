package hist

import "github.com/HdrHistogram/hdrhistogram-go"

// Decode reads what Encode has written; "" is an empty histogram. The smallest
// and largest values are within the precision, the mean as well.
func Decode(text string) (*Histogram, error) {
	if text == "" {
		return &Histogram{}, nil
	}
	h, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return nil, err
	}
	return &Histogram{h: h, min: h.Min(), max: h.Max(), sum: h.Mean() * float64(h.TotalCount())}, nil
}
