package compare

import (
	"math"
	"math/rand/v2"
)

// quantileT is the two-sided quantile of Student's t: |t| exceeds it with
// probability alpha. An infinite df is the normal distribution.
func quantileT(alpha, df float64) float64 {
	if alpha >= 1 {
		return 0
	}
	lo, hi := 0.0, 1.0
	for tailT(hi, df) > alpha && hi < 1e9 {
		lo, hi = hi, 2*hi
	}
	for range 100 {
		mid := (lo + hi) / 2
		if tailT(mid, df) > alpha {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// tailT is the probability that |t| exceeds x.
func tailT(x, df float64) float64 {
	if df > 1e6 {
		return math.Erfc(x / math.Sqrt2)
	}
	return incompleteBeta(df/2, 0.5, df/(df+x*x))
}

// incompleteBeta is the regularised incomplete beta function I_x(a, b), by its
// continued fraction (DLMF 8.17.22), evaluated with Lentz's method.
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // where the fraction converges fast
		return 1 - incompleteBeta(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a

	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	f, c, d := 1.0, 1.0, 0.0
	for i := range 400 {
		m := float64(i / 2)
		num := 1.0
		switch {
		case i == 0:
		case i%2 == 0:
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / guard(1+num*d)
		c = guard(1 + num/c)
		f *= c * d
		if i > 0 && math.Abs(1-c*d) < 1e-13 {
			break
		}
	}
	return front * (f - 1)
}

// beta draws from a beta distribution.
func beta(r *rand.Rand, a, b float64) float64 {
	x, y := gamma(r, a), gamma(r, b)
	return x / (x + y)
}

// gamma draws from a gamma distribution of scale 1 (Marsaglia and Tsang).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(1-r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-r.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// spread is the mean and the sample variance.
func spread(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	if len(v) < 2 {
		return mean, 0
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / float64(len(v)-1)
}
