package loadgen

import (
	"slices"
	"strings"
)

// check reports what shows only when the whole file is known.
func (p *parse) check() {
	for _, t := range p.sc.Targets {
		if !p.used[t] && len(p.sc.Groups) > 0 && p.sound() {
			p.hintf(t.Pos, "give a group target: "+t.Name+", or take it out", "no group connects to target %q", t.Name)
		}
	}
	for _, g := range p.sc.Groups {
		p.checkMatrixVars(g)
		p.checkVars(g)
	}
	p.checkData()
	for _, t := range p.sc.Thresholds {
		if p.sound() {
			p.checkMeasured(t)
		}
	}
	if p.sound() {
		p.checkScrapes()
	}
}

// checkMatrixVars reports {{matrix.NAME}} without such an axis.
func (p *parse) checkMatrixVars(g *Group) {
	for _, s := range g.Flow {
		s.templates(func(t Template) {
			for _, part := range t.parts {
				if part.v != nil && part.v.name == matrixVar && !g.hasAxis(part.name) {
					p.errorf(s.Pos, "{{matrix.%s}}: group %q has no axis of that name", part.name, g.Name)
				}
			}
		})
	}
}

// checkVars reports {{vars.NAME}} that no exec step before it sets.
func (p *parse) checkVars(g *Group) {
	var set []string
	for _, s := range g.Flow {
		s.templates(func(t Template) {
			for _, part := range t.parts {
				if part.v != nil && part.v.name == varsVar && !slices.Contains(set, part.name) {
					hint := "add it to the sets of an exec step before this one"
					if len(set) > 0 {
						hint = didYouMean(part.name, set)
					}
					p.hintf(s.Pos, hint, "{{vars.%s}}: no exec step of group %q has set it by then", part.name, g.Name)
				}
			}
		})
		if s.Exec != nil {
			set = append(set, s.Exec.Sets...)
		}
	}
}

// checkMeasured reports thresholds on metrics that nothing in the scenario
// measures. They would fail for want of samples; here the reason is plain.
func (p *parse) checkMeasured(t *Threshold) {
	if needs := p.needs(t); needs != "" {
		p.errorf(t.Pos, "nothing measures %s: it needs %s", t.Metric, needs)
	}
}

// needs is what the scenario lacks to measure a threshold's metric, "" if
// nothing.
func (p *parse) needs(t *Threshold) string {
	needs := ""
	switch m := t.Metric; {
	case m == DeliveryUnexpected:
		if !slices.ContainsFunc(p.sc.Verify, func(v *Verify) bool { return v.Nothing }) && len(p.sc.Verify) == 0 {
			needs = "a verify block"
		}
	case strings.HasPrefix(m, "delivery_") || m == SamePod || m == CrossPod:
		if !slices.ContainsFunc(p.sc.Verify, func(v *Verify) bool { return !v.Nothing }) {
			needs = "a verify block"
		}
	case m == RecoveryTime:
		switch {
		case !t.inPart():
			needs = "the label after, as in recovery_time{after=FAULT}"
		case !slices.ContainsFunc(p.sc.Verify, func(v *Verify) bool { return !v.Nothing }):
			needs = "a verify block"
		}
	case strings.HasPrefix(m, "auth_"):
		if !slices.ContainsFunc(p.sc.Groups, func(g *Group) bool { return g.hasAxis(AxisCase) }) {
			needs = "a matrix with a case axis"
		}
	case m == AckLatency || m == AckTimeouts || m == ServiceLatency:
		if !p.anyStep(func(s *Step) bool { return s.Emit != nil && s.Emit.Ack != nil }) {
			needs = "an emit step with an ack"
		}
	case m == PublishLatency || m == PublishFailures:
		if !p.anyStep(func(s *Step) bool { return s.Publish != nil }) {
			needs = "a publish step"
		}
	case m == OutcomeCount:
		if !p.anyStep(func(s *Step) bool { return s.Emit != nil && len(s.Emit.Outcome) > 0 }) {
			needs = "an emit step with an outcome"
		}
	case m == Accepted || m == AcceptedRate:
		if !p.anyStep(func(s *Step) bool { return s.hasClass("accepted") }) {
			needs = "an outcome class called accepted"
		}
	case m == Throttled || m == ThrottledRate || m == TimeToThrottle:
		if !p.anyStep(func(s *Step) bool { return s.hasClass("throttled") }) {
			needs = "an outcome class called throttled"
		}
	case m == SSEFirstByte || m == SSEHeartbeatGap:
		if !slices.ContainsFunc(p.sc.Groups, func(g *Group) bool { return g.protocol() == "sse" }) {
			needs = "a group with an sse target"
		}
	}
	return needs
}

func (p *parse) anyStep(f func(*Step) bool) bool {
	return slices.ContainsFunc(p.sc.Groups, func(g *Group) bool { return slices.ContainsFunc(g.Flow, f) })
}

func (s *Step) hasClass(name string) bool {
	return s.Emit != nil && slices.ContainsFunc(s.Emit.Outcome, func(o Outcome) bool { return o.Class == name })
}
