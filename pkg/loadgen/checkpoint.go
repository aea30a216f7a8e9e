package loadgen

import (
	"slices"
	"time"
)

// checkpoints hands a partial report out again and again while the run goes on.
type checkpoints struct {
	e          *engine
	show       *progress
	samples    *sampler
	check      *selfCheck
	every      time.Duration
	quit, done chan struct{}
}

func (e *engine) startCheckpoints(check *selfCheck, show *progress, samples *sampler) *checkpoints {
	c := &checkpoints{e: e, check: check, show: show, samples: samples, quit: make(chan struct{}), done: make(chan struct{})}
	if e.plan.Scenario.Checkpoint == nil || e.opt.Checkpoint == nil {
		close(c.done)
		return c
	}
	c.every = e.plan.Scenario.Checkpoint.Every
	go c.loop()
	return c
}

func (c *checkpoints) loop() {
	defer close(c.done)
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
			if err := c.e.opt.Checkpoint(c.report()); err != nil {
				c.e.opt.Logger.Warn("the checkpoint could not be written", "error", err)
			}
		}
	}
}

func (c *checkpoints) stop() {
	close(c.quit)
	<-c.done
}

// report is the run so far. Deliveries are judged up to the time from which on
// messages may be under way.
func (c *checkpoints) report() *Report {
	e, now := c.e, c.e.now()
	e.windows.touch(now)
	ev := &evidence{
		end: endGoingOn, took: now, generator: c.check.peek(), times: c.show.freeze(), samples: c.samples.freeze(),
		accounts: e.accountIn([]stretch{{0, max(now-e.settleLimit(endDone), 0)}}),
	}
	return e.report(ev)
}

// freeze copies what a report needs of the samples so far.
func (s *sampler) freeze() *sampler {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &sampler{e: s.e, coarse: slices.Clone(s.coarse)}
	for _, w := range s.windows {
		out.windows = append(out.windows, &windowed{w.t, slices.Clone(w.worst)})
	}
	for _, q := range s.holds {
		out.holds = append(out.holds, &quality{q.hold, slices.Clone(q.points)})
	}
	return out
}

// freeze copies the timeline so far.
func (p *progress) freeze() *timeline {
	p.taking.Lock()
	defer p.taking.Unlock()
	return &timeline{metric: p.times.metric, points: slices.Clone(p.times.points)}
}

// peek is the generator's account of itself so far, as far as it can be told
// while it goes on.
func (s *selfCheck) peek() Generator {
	lag := s.e.hists.Read(s.e.lag)
	took := s.e.now().Seconds()
	g := Generator{
		SchedulerLagP99: lag.Percentile(99), SchedulerLagMax: lag.Max(), CPUSeconds: (cpuTime() - s.cpu).Seconds(),
		PeakRSS: peakResidentBytes(), SelfDropped: s.e.selfDropped.Load(),
	}
	g.Problems, _ = generatorProblems(g, s.e.limited.Load(), took)
	g.OK = len(g.Problems) == 0
	return g
}
