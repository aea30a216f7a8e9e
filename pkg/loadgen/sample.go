package loadgen

import (
	"slices"
	"sync"
	"time"
)

// How often a run is looked at, and how many readings are kept.
const (
	sampleEvery = time.Second
	maxRecent   = 1024
	maxCoarse   = 256
)

// sampler reads the series of the thresholds that depend on time: those with a
// window or a slope, those that may end the run, and recovery_time. It does
// nothing where there are none.
type sampler struct {
	e          *engine
	quit, done chan struct{}

	mu      sync.Mutex      // guards what follows
	only    map[string]bool // metrics to read
	windows []*windowed
	aborts  []*Threshold
	slopes  bool
	holds   []*quality

	longest time.Duration // of the windows
	recent  []*snapshot   // of that time, ascending
	keep    time.Duration // from one of them to the next
	coarse  []*snapshot   // of the whole run, each stride-th
	stride  int
	ticks   int
	look    lookout
}

// windowed is a threshold with a window and the worst stretch so far of each
// of its conditions.
type windowed struct {
	t     *Threshold
	worst []worstWindow
}

func (e *engine) newSampler() *sampler {
	s := &sampler{e: e, quit: make(chan struct{}), done: make(chan struct{}), only: map[string]bool{}, stride: 1}
	for _, t := range e.plan.Scenario.Thresholds {
		live := !fromLedger(t.Metric) && t.def == nil && t.Metric != RecoveryTime
		slope := slices.ContainsFunc(t.Exprs, func(x ThresholdExpr) bool { return x.Agg == "slope" })
		if live && (t.Window > 0 || t.Abort || slope) {
			s.only[t.Metric] = true
			for i := range t.Exprs {
				if m := t.Exprs[i].RefMetric; m != "" {
					s.only[m] = true
				}
			}
		}
		if t.Window > 0 && live {
			s.windows = append(s.windows, &windowed{t, make([]worstWindow, len(t.Exprs))})
			s.longest = max(s.longest, t.Window)
		}
		if t.Abort {
			s.aborts = append(s.aborts, t)
		}
		s.slopes = s.slopes || slope && live
		if t.Metric == RecoveryTime {
			s.only[DeliveryLatency] = true
			s.qualityOf(t.hold())
		}
	}
	s.keep = max(sampleEvery, s.longest/maxRecent)
	return s
}

func (e *engine) startSampler() *sampler {
	s := e.newSampler()
	if len(s.only) == 0 && len(s.aborts) == 0 {
		close(s.done)
		return s
	}
	go s.loop()
	return s
}

func (s *sampler) loop() {
	defer close(s.done)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			s.sample(s.e.now())
			return
		case <-tick.C:
			now := s.e.now()
			s.sample(now)
			s.lookOut(now)
		}
	}
}

// stop takes the last sample and ends the goroutine.
func (s *sampler) stop() {
	close(s.quit)
	<-s.done
}

// sample takes one reading.
func (s *sampler) sample(now time.Duration) {
	if len(s.only) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.e.windows.read(now, s.only, s.last())
	s.ticks++
	if s.slopes {
		s.keepCoarse(r)
	}
	if s.longest > 0 {
		s.judgeWindows(r)
		s.measureQuality(r)
		s.keepRecent(r)
	}
}

func (s *sampler) last() *snapshot {
	if n := len(s.recent); n > 0 {
		return s.recent[n-1]
	}
	if n := len(s.coarse); n > 0 {
		return s.coarse[n-1]
	}
	return &snapshot{}
}

func (s *sampler) keepRecent(r *snapshot) {
	if n := len(s.recent); n > 0 && r.at < s.recent[n-1].at+s.keep {
		return
	}
	s.recent = append(s.recent, r)
	old := 0
	for old+1 < len(s.recent) && s.recent[old+1].at <= r.at-s.longest {
		old++
	}
	s.recent = slices.Delete(s.recent, 0, old)
}

// keepCoarse keeps readings that are evenly spread over the run.
func (s *sampler) keepCoarse(r *snapshot) {
	if s.ticks%s.stride != 0 {
		return
	}
	if len(s.coarse) == maxCoarse {
		for i := range maxCoarse / 2 {
			s.coarse[i] = s.coarse[2*i+1]
		}
		clear(s.coarse[maxCoarse/2:])
		s.coarse = s.coarse[:maxCoarse/2]
		s.stride *= 2
		if s.ticks%s.stride != 0 {
			return
		}
	}
	s.coarse = append(s.coarse, r)
}

// since is the reading that was taken at an instant or last before it, nil when
// there is none so old.
func (s *sampler) since(at time.Duration) *snapshot {
	if at <= 0 {
		return &snapshot{}
	}
	i, found := slices.BinarySearchFunc(s.recent, at, func(r *snapshot, at time.Duration) int { return int(r.at - at) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return s.recent[i]
}

// judgeWindows looks at the stretch of each window that ends now.
func (s *sampler) judgeWindows(now *snapshot) {
	for _, w := range s.windows {
		from := now.at - w.t.Window
		if from < 0 || !s.e.windows.inOne(w.t.Labels, stretch{from, now.at}) {
			continue
		}
		before := s.since(from)
		if before == nil {
			continue
		}
		w.judge(s.e, s.e.windows.between(before, now), stretch{before.at, now.at})
	}
}

// judge looks at one stretch.
func (w *windowed) judge(e *engine, l *seriesList, at stretch) {
	m := l.pick(w.t.Metric, w.t.seriesLabels())
	if m.empty() {
		return
	}
	for i := range w.t.Exprs {
		x := &w.t.Exprs[i]
		if ref, ok := e.refValue(w.t, x, l); ok {
			w.worst[i].take(x, m, ref, at)
		}
	}
}

// worstWindow is the worst stretch of a condition.
type worstWindow struct {
	seen, bad int // stretches
	at        stretch
	value     float64
	text      string
	holds     bool
}

// take looks at one more stretch.
func (w *worstWindow) take(x *ThresholdExpr, m *merged, ref float64, at stretch) {
	v, holds := m.value(x), m.holds(x, ref)
	w.seen++
	if !holds {
		w.bad++
	}
	worse := w.seen == 1 || w.holds && !holds
	if !worse && w.holds == holds {
		switch x.Op {
		case "<", "<=":
			worse = v > w.value
		case ">", ">=":
			worse = v < w.value
		}
	}
	if worse {
		w.at, w.value, w.holds, w.text = at, v, holds, m.format(x)
	}
}
