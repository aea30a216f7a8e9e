package loadgen

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Bounds of the generator's self check.
//
// Latencies count from the intended send, so a generator that lags behind
// makes them longer, never shorter: up to the hard bound a pass is a pass, and
// only a failure that goes away when the lag is taken off is inconclusive.
// Beyond the hard bound the load was not the one that was asked for, and
// nothing but an outright violation (a lost, doubled or leaked message, an
// accepted forgery) still counts. The soft bounds are worth a warning.
const (
	softLag     = 10 * time.Millisecond  // p99
	hardLag     = 100 * time.Millisecond // p99
	softPause   = 20 * time.Millisecond  // longest stop of the garbage collector
	softCPU     = 0.95                   // share of the machine's cores
	minCPUTime  = time.Second            // a shorter run's share says nothing
	lagInterval = 5 * time.Millisecond
)

// selfCheck watches the generator during a run.
type selfCheck struct {
	e          *engine
	quit, done chan struct{}
	cpu        time.Duration // at the start
	pauses     []uint64
	rssBefore  int64
	// At the height of the run:
	height     int64 // open connections
	bytesPer   int64
	descs      int
	goroutines int
}

func startSelfCheck(e *engine) *selfCheck {
	s := &selfCheck{e: e, quit: make(chan struct{}), done: make(chan struct{}), cpu: cpuTime(), rssBefore: residentBytes()}
	_, s.pauses = gcPauses()
	if e.opt.lag != nil {
		e.opt.lag(e.hists, e.lag)
	}
	go s.watch()
	return s
}

// watch measures how late a timer fires, and once a second what the open
// connections take.
func (s *selfCheck) watch() {
	defer close(s.done)
	next := time.Duration(0)
	timer := time.NewTimer(lagInterval)
	defer timer.Stop()
	for {
		due := s.e.now() + lagInterval
		timer.Reset(lagInterval)
		select {
		case <-s.quit:
			return
		case <-timer.C:
			now := s.e.now()
			s.e.hists.Record(0, s.e.lag, now-due)
			if now >= next {
				s.measure()
				next = s.e.now() + time.Second
			}
		}
	}
}

// minMeasured is how many connections make memory for each a meaningful
// figure.
const minMeasured = 500

// measure keeps the figures of the moment with the most open connections.
func (s *selfCheck) measure() {
	n := s.e.open.Load()
	if n < s.height || n == 0 {
		return
	}
	if n > s.height { // listing them is not free
		s.descs = openDescriptors()
	}
	s.height, s.goroutines = n, runtime.NumGoroutine()
	if n >= minMeasured {
		s.bytesPer = max(residentBytes()-s.rssBefore, 0) / n
	}
}

// stop ends the watching and sums up.
func (s *selfCheck) stop() Generator {
	close(s.quit)
	<-s.done
	e := s.e
	lag := e.hists.Read(e.lag)
	g := Generator{
		SchedulerLagP99: lag.Percentile(99),
		SchedulerLagMax: lag.Max(),
		CPUSeconds:      (cpuTime() - s.cpu).Seconds(),
		PeakRSS:         peakResidentBytes(),
		SelfDropped:     e.selfDropped.Load(),
		Descriptors:     s.descs,
		Goroutines:      s.goroutines,
		BytesPerConn:    s.bytesPer,
	}
	buckets, counts := gcPauses()
	g.GCPauseMax = longestPause(buckets, s.pauses, counts)
	took := e.now().Seconds()
	if took > 0 {
		g.CPUShare = g.CPUSeconds / took / float64(runtime.NumCPU())
	}
	g.TrustworthyUpTo = max(g.SchedulerLagP99, g.GCPauseMax, 0.0001)
	g.Problems, _ = generatorProblems(g, e.limited.Load(), took)
	g.OK = len(g.Problems) == 0
	return g
}

// generatorProblems lists what the generator did not manage. hard tells that
// the load was not the one that was asked for.
func generatorProblems(g Generator, limited int64, took float64) (problems []string, hard bool) {
	say := func(isHard bool, format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
		hard = hard || isHard
	}
	if lag := seconds(g.SchedulerLagP99); lag > softLag {
		say(lag > hardLag, "scheduler lag p99 %s, bound %s", round(lag), softLag)
	}
	if pause := seconds(g.GCPauseMax); pause > softPause {
		say(false, "garbage collection stopped everything for %s, bound %s", round(pause), softPause)
	}
	if g.CPUShare > softCPU && took >= minCPUTime.Seconds() {
		say(false, "used %.0f %% of the machine's processors, bound %.0f %%", g.CPUShare*100, softCPU*100)
	}
	if g.SelfDropped > 0 {
		say(true, "dropped %d messages itself", g.SelfDropped)
	}
	if limited > 0 {
		say(true, "%d connections failed for want of descriptors, ports or memory of this machine", limited)
	}
	return problems, hard
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

const pauseMetric = "/sched/pauses/total/gc:seconds"

// gcPauses is the runtime's histogram of stop-the-world pauses.
func gcPauses() (buckets []float64, counts []uint64) {
	sample := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil, nil
	}
	h := sample[0].Value.Float64Histogram()
	return h.Buckets, append([]uint64(nil), h.Counts...)
}

// longestPause is the upper bound of the highest bucket that grew.
func longestPause(buckets []float64, before, after []uint64) float64 {
	for i := len(after) - 1; i >= 0; i-- {
		if i < len(before) && after[i] > before[i] {
			if up := buckets[i+1]; !math.IsInf(up, 1) {
				return up
			}
			return buckets[i]
		}
	}
	return 0
}
