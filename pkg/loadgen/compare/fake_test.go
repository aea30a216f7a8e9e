package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server makes runs whose latencies are known.
type server struct {
	r      *rand.Rand
	median float64 // seconds
	sigma  float64 // of the logarithm of a latency
	// drift is the deviation of what all latencies of a span have in common,
	// betweenRuns of what all of a run have.
	drift, betweenRuns float64
	samples            int
	noSpans            bool // as in a report of a run that is too short for them
}

// made counts the runs, which gives each a name of its own.
var made atomic.Int64

// run is one run of the server.
func (s *server) run() Run {
	const spans = 16
	set := hist.NewSet(1)
	id := set.Add(hist.Fine)
	m := Metric{Name: "ack_latency", Labels: map[string]string{"event": "say", "target": fmt.Sprint(s.r.Uint32())}, Kind: "latency", Count: int64(s.samples)}
	shift := math.Log(s.median) + s.betweenRuns*s.r.NormFloat64()
	for range spans {
		level := shift + s.drift*s.r.NormFloat64()
		var v []float64
		for range s.samples / spans {
			x := math.Exp(level + s.sigma*s.r.NormFloat64())
			v = append(v, x)
			set.Record(0, id, time.Duration(x*1e9))
		}
		slices.Sort(v)
		at := func(p float64) float64 { return v[int(p*float64(len(v)-1))] }
		if !s.noSpans {
			m.Blocks = append(m.Blocks, Block{Count: int64(len(v)), P50: at(0.5), P90: at(0.9), P99: at(0.99)})
		}
	}
	m.HDR, _ = set.Read(id).Encode()
	n := made.Add(1)
	r := Run{Path: fmt.Sprintf("run-%d.json", n), Scenario: "chat", PlanHash: "abc", RunID: fmt.Sprint(n), Verdict: "pass", Metrics: []Metric{m}}
	r.Generator.OK = true
	return r
}

func (s *server) runs(n int) []Run {
	var out []Run
	for range n {
		out = append(out, s.run())
	}
	return out
}

func mustCompare(t *testing.T, base, head []Run, o Options) *Result {
	t.Helper()
	res, err := Compare(Sides{"base", base}, []Sides{{"head", head}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
