package loadgen

import (
	"sync"
	"time"
)

// progress calls Options.Progress at its interval.
type progress struct {
	e       *engine
	mu      sync.Mutex
	name    string
	quit    chan struct{}
	stopped chan struct{}

	last               time.Duration
	lastSent, lastRecv int64
}

func (e *engine) startProgress() *progress {
	p := &progress{e: e, quit: make(chan struct{}), stopped: make(chan struct{})}
	if e.opt.Progress == nil {
		close(p.stopped)
		return p
	}
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
			p.e.opt.Progress(p.snapshot())
			return
		case <-tick.C:
			p.e.opt.Progress(p.snapshot())
		}
	}
}

// phase overrides the phase that the snapshot would work out.
func (p *progress) phase(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name = name
}

// stop shows the last snapshot and ends the goroutine.
func (p *progress) stop() {
	close(p.quit)
	<-p.stopped
}

// snapshot is the run's present state.
func (p *progress) snapshot() Snapshot {
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
		P99:      e.headline().Percentile(99),
	}
	p.mu.Lock()
	s.Phase = p.name
	p.mu.Unlock()
	if s.Phase == "" {
		if s.Phase = "running"; e.dialed.Load() < int64(e.plan.Connections) {
			s.Phase = "connecting"
		}
	}
	if dt := (now - p.last).Seconds(); dt > 0 {
		s.SentRate = float64(s.Sent-p.lastSent) / dt
		s.RecvRate = float64(s.Received-p.lastRecv) / dt
	}
	p.last, p.lastSent, p.lastRecv = now, s.Sent, s.Received
	return s
}
