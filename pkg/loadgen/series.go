package loadgen

import (
	"maps"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// series is one metric with one set of labels, after the run.
type series struct {
	def     MetricDef
	labels  map[string]string
	h       *hist.Histogram // latency
	ids     []hist.ID       // what h was read from
	n, of   int64           // counter and ratio
	samples []float64       // rate, one for each client; gauge
	points  []point         // of the target's own metrics
}

// seriesList collects the series of a run.
type seriesList struct {
	e    *engine
	took float64 // seconds
	list []*series
	only map[string]bool // metrics to collect, nil for all
}

// wants tells whether a metric is to be collected.
func (l *seriesList) wants(name string) bool { return l.only == nil || l.only[name] }

func (l *seriesList) add(name string, labels map[string]string) *series {
	def, _ := LookupMetric(name)
	own := map[string]string{}
	for _, k := range def.Labels {
		if v := labels[k]; v != "" {
			own[k] = v
		}
	}
	s := &series{def: def, labels: own}
	l.list = append(l.list, s)
	return s
}

func (l *seriesList) latency(name string, labels map[string]string, ids ...hist.ID) {
	if slices.Max(ids) == hist.None || !l.wants(name) {
		return
	}
	s := l.add(name, labels)
	s.h, s.ids = l.e.hists.Read(ids...), ids
}

func (l *seriesList) ratio(name string, labels map[string]string, n, of int64) {
	if !l.wants(name) {
		return
	}
	s := l.add(name, labels)
	s.n, s.of = n, of
}

func (l *seriesList) count(name string, labels map[string]string, n int64) {
	l.ratio(name, labels, n, 0)
}

func (l *seriesList) rates(name string, labels map[string]string, samples []float64) {
	if !l.wants(name) {
		return
	}
	l.add(name, labels).samples = samples
}

// with is labels plus some more.
func with(labels map[string]string, kv ...string) map[string]string {
	out := maps.Clone(labels)
	for i := 0; i+1 < len(kv); i += 2 {
		out[kv[i]] = kv[i+1]
	}
	return out
}

// collect makes all series of the run.
func (e *engine) collect(ev *evidence) *seriesList {
	l := e.collectLive(ev.took, nil)
	for _, acc := range ev.accounts {
		l.account(acc)
		l.resumed(acc)
	}
	for _, g := range e.groups {
		for _, c := range g.cells {
			l.returned(c)
			l.slowSeries(c)
			l.stickySeries(c)
		}
	}
	l.herds()
	return l
}

// collectLive makes the series that are counted as things happen, as they are
// at this moment: all but those of the ledger. Windows subtract what it gives
// at one instant from what it gives at a later one, so counts and histograms
// must only grow, and samples must only be appended. With only set, it makes
// just the series of those metrics.
func (e *engine) collectLive(took time.Duration, only map[string]bool) *seriesList {
	l := &seriesList{e: e, took: took.Seconds(), only: only}
	for _, g := range e.groups {
		for _, c := range g.cells {
			l.cell(c)
			for _, s := range c.steps {
				l.step(c, s)
			}
		}
	}
	for _, a := range e.audiences {
		for _, w := range a.watches {
			l.deliveryLatency(a, w)
		}
	}
	l.latency(SchedulerLag, nil, e.lag, e.sendAge)
	l.ratio(SelfDropped, nil, e.selfDropped.Load(), e.sum(func(t *tally) *counter { return &t.received }))
	return l
}

func (l *seriesList) cell(c *cellRun) {
	tried := c.tried.Load()
	failures := c.refused.Load() + c.failed.Load()
	l.latency(ConnectLatency, c.labels, c.connectLatency)
	l.ratio(ConnectFailures, c.labels, failures, tried)
	l.ratio(ServerUnavailable, c.labels, c.unavailable.Load(), tried)
	if c.target.Protocol != rt.HTTP { // those hold no connection
		l.ratio(DisconnectsUnplanned, c.labels, c.unplanned.Load(), c.opened.Load())
	}
	for i := range c.events {
		if ev := &c.events[i]; ev.name != otherEvents || ev.n.Load() > 0 {
			l.count(EventsReceived, with(c.labels, LabelEvent, ev.name), ev.n.Load())
		}
	}
	l.errors(c)
	if len(c.target.Transports) > 1 && c.sticky == nil {
		opened := c.opened.Load()
		if c.back != nil {
			opened += c.back.returned.Load()
		}
		l.ratio(UpgradeSuccess, c.labels, c.upgraded.Load(), opened)
	}
	l.returns(c)
	if t := c.polls; t != nil {
		l.latency(PollHoldTime, c.labels, t.hold)
		l.ratio(PollEmpty, c.labels, t.empty.Load(), t.answered.Load())
		l.ratio(PollGaps, c.labels, t.gapped.Load(), t.all.Load())
	}
	l.latency(SSEFirstByte, c.labels, c.firstByte)
	l.latency(SSEHeartbeatGap, c.labels, c.heartbeatGap)
	if p := c.probes; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.ratio(AuthMismatches, c.labels, p.bad, p.tried-p.open)
		l.ratio(AuthInconclusive, c.labels, p.open, p.tried)
		if c.plan.Case.Outcome == OutcomeRejected {
			l.ratio(AuthLeaks, c.labels, p.leaked, p.refused)
			l.ratio(SilentAccepts, c.labels, p.silent, p.refused)
			l.latency(AuthRejectLatency, c.labels, c.rejectLatency)
		}
	}
}

// errors makes one series for each kind that occurred, and one without a kind
// that says how much was tried.
func (l *seriesList) errors(c *cellRun) {
	tried := c.ops.Load()
	l.ratio(Errors, c.labels, 0, tried)
	for kind := range c.errors {
		if n := c.errors[kind].Load(); n > 0 {
			l.ratio(Errors, with(c.labels, LabelKind, kindName(kind)), n, tried)
		}
	}
}

func (l *seriesList) step(c *cellRun, s *stepRun) {
	labels := with(c.labels, LabelStep, s.step.Name)
	if s.step.Emit != nil {
		labels[LabelEvent] = s.step.Emit.Event
	}
	started := s.started.Load()
	l.ratio(StepSuccess, labels, s.succeeded.Load(), started)
	l.ratio(StepFailures, labels, s.failed.Load(), started)
	switch s.kind {
	case stepEmit:
		l.latency(AckLatency, labels, s.ack)
		l.latency(ServiceLatency, labels, s.service)
		l.latency(GeneratorDelay, labels, s.delay)
		l.count(MessagesSent, labels, s.sent.Load())
		if c.back != nil {
			off := s.unsent.Load() + s.cut.Load()
			l.ratio(SendsDisconnected, labels, off, s.sent.Load()+s.unsent.Load())
		}
		if s.wantsAck {
			l.ratio(AckTimeouts, labels, s.ackTimeouts.Load(), s.acksAsked.Load())
		}
		l.outcomes(s, labels)
	case stepPublish:
		l.latency(PublishLatency, labels, s.publish)
		l.latency(GeneratorDelay, labels, s.delay)
		l.count(MessagesSent, labels, s.sent.Load())
		l.ratio(PublishFailures, labels, s.publishFailures.Load(), s.published.Load())
	}
}

// outcomes makes the series of the classes. Where nothing is classified, but
// acks were checked, that is evidence that nothing was throttled.
func (l *seriesList) outcomes(s *stepRun, labels map[string]string) {
	if s.classes == nil {
		if s.wantsAck && s.match != nil {
			asked := s.acksAsked.Load()
			refused := s.acksRefused.Load() + s.ackTimeouts.Load()
			l.ratio(Accepted, labels, asked-refused, asked)
			l.ratio(Throttled, labels, 0, asked)
		}
		return
	}
	all := s.classified.Load()
	for _, class := range s.classes {
		l.ratio(OutcomeCount, with(labels, LabelClass, class.name), class.n.Load(), all)
		switch class.name {
		case classAccepted:
			l.ratio(Accepted, labels, class.n.Load(), all)
		case classThrottled:
			l.ratio(Throttled, labels, class.n.Load(), all)
		}
	}
	if s.outcome {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.acceptedRates) > 0 {
			l.rates(AcceptedRate, labels, s.acceptedRates)
			l.rates(ThrottledRate, labels, s.throttleRates)
		}
		l.latency(TimeToThrottle, labels, s.toThrottle)
	}
}

func (l *seriesList) account(acc *account) {
	v := acc.watch.verify
	base := map[string]string{LabelVerify: v.Name}
	for _, at := range acc.usedCells(l.e) {
		n := acc.audience.targets
		labels := with(base, LabelFrom, l.e.targets[at/n].Name, LabelTo, l.e.targets[at%n].Name)
		c := &acc.cells[at]
		if acc.watch.rule.Nothing {
			l.ratio(DeliveryUnexpected, labels, c.Unexpected, acc.possible[at])
			if c.Corrupt > 0 {
				l.ratio(DeliveryCorrupt, labels, c.Corrupt, acc.possible[at])
			}
			continue
		}
		l.count(DeliveryExpected, labels, c.Expected)
		l.ratio(DeliveryDelivered, labels, c.Delivered, c.Expected)
		if v.Slow {
			l.ratio(DeliverySlow, labels, c.Lost, c.Expected)
		} else {
			l.ratio(DeliveryLost, labels, c.Lost, c.Expected)
		}
		l.ratio(DeliveryDuplicated, labels, c.Duplicated, c.Expected)
		l.ratio(DeliveryOutOfOrder, labels, c.OutOfOrder, c.Expected)
		l.ratio(DeliveryLate, labels, c.Late, c.Expected)
		l.ratio(DeliveryUnexpected, labels, c.Unexpected, c.Expected)
		l.ratio(DeliveryCorrupt, labels, c.Corrupt, c.Expected)
		l.ratio(DeliveryIndeterminate, labels, c.Indeterminate, c.Expected+c.Indeterminate)
	}
	if acc.foreign > 0 { // of another run: from no target of ours
		l.ratio(DeliveryUnexpected, base, acc.foreign, 0)
	}
	if acc.unpaired > 0 { // of which no one can tell from where they came
		l.ratio(DeliveryCorrupt, base, acc.unpaired, 0)
	}
	for i, held := range acc.heldAt { // known at the end only, not of a part of the run
		if held > 0 && !acc.watch.rule.Nothing {
			l.ratio(StuckClients, with(base, LabelTo, l.e.targets[i].Name), acc.stuckAt[i], held)
		}
	}
}

// deliveryLatency makes the latency series of one verify block.
func (l *seriesList) deliveryLatency(a *audience, w *watch) {
	if w.rule.Nothing {
		return
	}
	base := map[string]string{LabelVerify: w.verify.Name}
	for _, at := range usedCells(l.e, a, w) {
		n := a.targets
		l.latency(DeliveryLatency, with(base, LabelFrom, l.e.targets[at/n].Name, LabelTo, l.e.targets[at%n].Name), w.latency[at])
	}
	same, cross := latencies(l.e, a, w)
	if len(same) > 0 {
		l.latency(SamePod, base, same...)
	}
	if len(cross) > 0 {
		l.latency(CrossPod, base, cross...)
	}
}

// latencies are the series of the deliveries within a target and between two.
func latencies(e *engine, a *audience, w *watch) (same, cross []hist.ID) {
	if w.rule.Nothing {
		return nil, nil
	}
	for _, at := range usedCells(e, a, w) {
		if at/a.targets == at%a.targets {
			same = append(same, w.latency[at])
		} else {
			cross = append(cross, w.latency[at])
		}
	}
	return same, cross
}
