package compare

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The values are those of the tables in textbooks.
func TestQuantileT(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ alpha, df, want float64 }{
		{0.05, 1, 12.706}, {0.01, 1, 63.657}, {0.05, 4, 2.776}, {0.001, 4, 8.610}, {0.05, 30, 2.042}, {0.05, math.Inf(1), 1.960}, {0.001, math.Inf(1), 3.291},
	} {
		if got := quantileT(tc.alpha, tc.df); math.Abs(got-tc.want) > 0.001*tc.want {
			t.Errorf("t(%g, df %g) = %.4f, want %.3f", tc.alpha, tc.df, got, tc.want)
		}
	}
}

func TestBeta(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct{ a, b float64 }{{0.5, 0.5}, {2, 3}, {990, 10}} {
		v := make([]float64, 20000)
		for i := range v {
			v[i] = beta(r, tc.a, tc.b)
		}
		mean, variance := spread(v)
		n := tc.a + tc.b
		wantMean, wantVar := tc.a/n, tc.a*tc.b/(n*n*(n+1))
		if math.Abs(mean-wantMean) > 5*math.Sqrt(wantVar/20000) || math.Abs(variance/wantVar-1) > 0.1 {
			t.Errorf("beta(%g, %g): mean %g, variance %g; want %g, %g", tc.a, tc.b, mean, variance, wantMean, wantVar)
		}
	}
}
