package loadgen

import (
	"cmp"
	"maps"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// report puts together what the run found.
func (e *engine) report(ev *evidence) *Report {
	checks, verdict, reason := e.decide(ev)
	r := &Report{
		Scenario: e.plan.Scenario.Name, File: e.plan.Scenario.File,
		Seed: e.plan.Seed, RunID: e.plan.RunID, PlanHash: e.plan.Hash, Environment: e.opt.Environment,
		Started: e.epoch, Duration: ev.took,
		Verdict: verdict, Reason: e.errs.masker.mask(reason),
		Checks: checks, Generator: ev.generator,
		Errors: e.errs.list(), Partial: ev.end != endDone,
		Secrets:        e.plan.Scenario.Secrets,
		TimelineMetric: ev.times.metric, Timeline: ev.times.finish(),
		Windows: e.windowReports(ev), Scrapes: e.scrapeReports(),
	}
	e.addMissed(ev, r.Timeline)
	e.noteFailures(r, ev)
	r.Slices = e.opt.side.slices(ev.series.list)
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Got, c.Detail = e.errs.masker.mask(c.Got), e.errs.masker.mask(c.Detail)
	}
	r.Faults = e.reportFaults()
	for _, t := range e.targets {
		r.Targets = append(r.Targets, TargetReport{Name: t.Name, URL: t.Target.String(), Protocol: string(t.Protocol)})
	}
	for _, g := range e.groups {
		r.Groups = append(r.Groups, e.groupReport(g))
	}
	r.Reconnects = e.reconnectReports()
	for _, acc := range ev.accounts {
		r.Verify = append(r.Verify, acc.report(e))
	}
	for _, s := range ev.series.list {
		m := s.report(ev.series.took)
		m.Blocks = ev.times.blocks.of(s.ids)
		r.Metrics = append(r.Metrics, m)
	}
	slices.SortStableFunc(r.Metrics, func(a, b Metric) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(labelText(a.Labels), labelText(b.Labels)))
	})
	return r
}

func (e *engine) groupReport(g *groupRun) GroupReport {
	r := GroupReport{Name: g.plan.Group.Name, Planned: g.plan.Count}
	for _, c := range g.cells {
		r.Connected += int(c.opened.Load())
		r.Rejected += int(c.refused.Load())
		r.Failed += int(c.failed.Load())
		if c.probes != nil {
			c.probes.mu.Lock()
			r.Rejected += int(c.probes.refused)
			r.Failed += int(c.probes.open)
			c.probes.mu.Unlock()
		}
		r.Finished += int(c.finished.Load())
		r.Disconnected += int(c.unplanned.Load())
		r.Sent += c.sent.Load()
		r.Received += c.received.Load()
		if c.runsFlow() {
			r.NeverReached += c.plan.Count - int(c.finished.Load())
		}
	}
	return r
}

func (acc *account) report(e *engine) VerifyReport {
	v := acc.watch.verify
	r := VerifyReport{
		Name: v.Name, From: v.From, To: v.To, Guarantee: v.Guarantee,
		Publishers: acc.publishers, Subscribers: acc.eligible, Pairs: acc.pairs,
		Counts: acc.total, Losses: acc.losses, Leaks: acc.leaks,
		Causes: acc.causes.table(e), Stuck: acc.stuck, Price: acc.price(e),
	}
	for _, n := range acc.stuckAt {
		r.StuckCount += n
	}
	if v.Nothing {
		r.Guarantee = "" // which is how a report says so
	}
	if v.GroupBy != LabelTarget {
		return r
	}
	for _, at := range acc.usedCells(e) {
		n := acc.audience.targets
		cell := Cell{From: e.targets[at/n].Name, To: e.targets[at%n].Name, Counts: acc.cells[at]}
		if h := e.hists.Read(acc.watch.latency[at]); h.Count() > 0 {
			cell.P50, cell.P99, cell.Max = h.Percentile(50), h.Percentile(99), h.Max()
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

func (s *series) report(took float64) Metric {
	m := Metric{Name: s.def.Name, Labels: maps.Clone(s.labels), Kind: string(s.def.Kind), Unit: s.def.Unit}
	switch s.def.Kind {
	case KindLatency:
		h := s.h
		m.Count = h.Count()
		if m.Count == 0 {
			return m
		}
		m.Min, m.Mean, m.Max = h.Min(), h.Mean(), h.Max()
		m.P50, m.P90, m.P99, m.P999 = h.Percentile(50), h.Percentile(90), h.Percentile(99), h.Percentile(99.9)
		m.HDR, _ = h.Encode() // compressing into memory does not fail
	case KindCounter:
		if m.Count = s.n; took > 0 {
			m.Rate = float64(s.n) / took
		}
	case KindRatio:
		m.Count, m.Total = s.n, s.of
		if s.of > 0 {
			m.Rate = float64(s.n) / float64(s.of)
		}
	default:
		v := slices.Sorted(slices.Values(s.samples))
		if m.Count = int64(len(v)); m.Count == 0 {
			return m
		}
		m.Min, m.Mean, m.Max = v[0], mean(v), v[len(v)-1]
		m.P50, m.P90, m.P99, m.P999 = percentile(v, 50), percentile(v, 90), percentile(v, 99), percentile(v, 99.9)
	}
	return m
}

// headline is the latency that a progress display shows: of deliveries, or
// else of acks, or else of requests.
func (e *engine) headline() *hist.Histogram {
	var deliveries, acks []hist.ID
	for _, a := range e.audiences {
		for _, w := range a.watches {
			deliveries = append(deliveries, w.latency...)
		}
	}
	for _, g := range e.groups {
		for _, c := range g.cells {
			for _, s := range c.steps {
				acks = append(acks, s.ack, s.publish)
			}
		}
	}
	if h := e.hists.Read(deliveries...); h.Count() > 0 {
		return h
	}
	return e.hists.Read(acks...)
}

// noteReach counts the outcome of an attempt to reach a server and gives the
// run up if none is there.
func (e *engine) noteReach(err error) {
	e.dialed.Add(1)
	switch kind := rt.KindOf(err); {
	case err == nil || kind == rt.KindRejected:
		e.reached.Add(1)
	case kind == rt.KindLimit:
		e.limited.Add(1)
	case kind == rt.KindUnreachable || kind == rt.KindTimeout:
		if n := e.unreachable.Add(1); n >= giveUpAfter && e.reached.Load() == 0 {
			e.halt("no server")
		}
	}
}
