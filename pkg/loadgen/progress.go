package loadgen

import (
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// progress keeps the run's timeline and calls Options.Progress, both at its
// interval.
type progress struct {
	e       *engine
	mu      sync.Mutex
	name    string
	quit    chan struct{}
	stopped chan struct{}

	last               time.Duration
	lastSent, lastRecv int64

	taking sync.Mutex // guards times
	times  *timeline
}

func (e *engine) startProgress() *progress {
	p := &progress{e: e, quit: make(chan struct{}), stopped: make(chan struct{}), times: e.newTimeline()}
	go p.loop()
	return p
}

func (p *progress) loop() {
	defer close(p.stopped)
	tick := time.NewTicker(p.e.opt.ProgressEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			p.show()
			return
		case <-tick.C:
			p.show()
		}
	}
}

// show takes one sample.
func (p *progress) show() {
	latency := p.e.hists.Read(p.times.ids...)
	s := p.snapshot(latency)
	p.taking.Lock()
	p.times.blocks.tick(s.Elapsed)
	p.times.add(TimelinePoint{
		Elapsed: s.Elapsed, Phase: s.Phase, Open: s.Open, Sent: s.Sent, Received: s.Received, Errors: s.Errors, Lost: s.Lost,
	}, latency)
	p.taking.Unlock()
	if p.e.opt.Progress != nil {
		p.e.opt.Progress(s)
	}
}

// phase overrides the phase that the snapshot would work out.
func (p *progress) phase(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name = name
}

// stop shows the last snapshot, ends the goroutine and returns the timeline.
func (p *progress) stop() *timeline {
	close(p.quit)
	<-p.stopped
	return p.times
}

// snapshot is the run's present state. latency is that of the timeline, which
// is shown as soon as there is any.
func (p *progress) snapshot(latency *hist.Histogram) Snapshot {
	e := p.e
	now := e.now()
	s := Snapshot{
		Elapsed:  now,
		Planned:  e.plan.Connections,
		Open:     int(e.open.Load()),
		Sent:     e.sum(func(t *tally) *counter { return &t.sent }),
		Received: e.sum(func(t *tally) *counter { return &t.received }),
		Errors:   e.errs.count(),
		Lost:     max(e.sum(func(t *tally) *counter { return &t.missing }), 0),
		P99:      latency.Percentile(99),
	}
	if latency.Count() == 0 {
		s.P99 = e.headline().Percentile(99)
	}
	p.mu.Lock()
	s.Phase = p.name
	p.mu.Unlock()
	if s.Phase == "" {
		if s.Phase = "running"; e.dialed.Load() < int64(e.plan.Connections) {
			s.Phase = "connecting"
		}
	}
	s.Part = e.plan.Scenario.phaseAt(now)
	if dt := (now - p.last).Seconds(); dt > 0 {
		s.SentRate = float64(s.Sent-p.lastSent) / dt
		s.RecvRate = float64(s.Received-p.lastRecv) / dt
	}
	p.last, p.lastSent, p.lastRecv = now, s.Sent, s.Received
	return s
}
