package loadgen

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// selfCheck watches the generator during a run.
type selfCheck struct {
	e          *engine
	quit, done chan struct{}
	cpu        time.Duration // at the start
	pauses     []uint64
	rssBefore  int64
	ticks      uint64 // of all processors at the start, and of those stolen
	stolen     uint64
	unread     unread
	// At the height of the run:
	height     int64 // open connections
	bytesPer   int64
	descs      int
	goroutines int
}

func startSelfCheck(e *engine) *selfCheck {
	s := &selfCheck{e: e, quit: make(chan struct{}), done: make(chan struct{}), cpu: cpuTime(), rssBefore: residentBytes()}
	_, s.pauses = gcPauses()
	s.ticks, s.stolen = processorTimes()
	if e.opt.lag != nil {
		e.opt.lag(e.hists, e.lag)
	}
	go s.watch()
	return s
}

// watch measures how late a timer fires, sees to turns that are held up, and
// measures once a second what the open connections take.
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
			s.e.turns.held()
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
	s.unread.sample(s.e)
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
	lag, age := e.hists.Read(e.lag), e.hists.Read(e.sendAge)
	g := Generator{
		SchedulerLagP99: lag.Percentile(99),
		SchedulerLagMax: max(lag.Max(), age.Max()),
		SendAgeP99:      age.Percentile(99),
		UnreadShare:     s.unread.share(),
		UnreadMax:       s.unread.most,
		CPUSeconds:      (cpuTime() - s.cpu).Seconds(),
		PeakRSS:         peakResidentBytes(),
		SelfDropped:     e.selfDropped.Load(),
		Descriptors:     s.descs,
		Goroutines:      s.goroutines,
		BytesPerConn:    s.bytesPer,
	}
	buckets, counts := gcPauses()
	g.GCPauseMax = longestPause(buckets, s.pauses, counts)
	paused := sumPauses(buckets, s.pauses, counts)
	took := e.now().Seconds()
	if took > 0 {
		g.GCShare = paused / took
		g.CPUShare = g.CPUSeconds / took / float64(runtime.NumCPU())
	}
	if all, stolen := processorTimes(); all > s.ticks && stolen >= s.stolen {
		g.StealShare = float64(stolen-s.stolen) / float64(all-s.ticks)
	}
	if e.opt.strain != nil {
		e.opt.strain(&g)
	}
	g.TrustworthyUpTo = max(g.SchedulerLagP99, g.SendAgeP99, g.GCPauseMax, 0.0001)
	g.TrustworthyPercentile = trustworthy(e.headline().Count())
	g.Problems, _ = generatorProblems(g, e.limited.Load(), took)
	g.OK = len(g.Problems) == 0
	return g
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

// sumPauses adds up the pauses since before, each as the middle of its bucket.
func sumPauses(buckets []float64, before, after []uint64) (sum float64) {
	for i := range after {
		if i >= len(before) || after[i] <= before[i] {
			continue
		}
		lo, up := buckets[i], buckets[i+1]
		if math.IsInf(lo, -1) {
			lo = 0
		}
		if math.IsInf(up, 1) {
			up = lo
		}
		sum += float64(after[i]-before[i]) * (lo + up) / 2
	}
	return sum
}
