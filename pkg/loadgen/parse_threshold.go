package loadgen

import (
	"errors"
	"slices"
	"strings"
)

func (p *parse) thresholds(n *node) {
	if n == nil {
		return
	}
	if n.kind != mappingNode {
		p.hintf(n.pos, "write for example ack_latency: p99 < 200ms", "thresholds is a mapping from metrics, not %s", n.describe())
		return
	}
	if len(n.entries) > maxNamed {
		p.errorf(n.pos, "more than %d thresholds", maxNamed)
		return
	}
	for _, e := range n.entries {
		p.threshold(e.key, e.value)
	}
}

func (p *parse) threshold(key, value *node) {
	name, labels, ok := p.metricKey(key)
	if !ok {
		return
	}
	def := metricIndex[name]
	base := Threshold{Pos: key.pos, Metric: name, Labels: labels}
	if def == nil {
		def = serverMetric(name)
		base.def = def
	}
	if value.kind != sequenceNode {
		p.addThreshold(base, def, key, value)
		return
	}
	if len(value.items) == 0 {
		p.errorf(value.pos, "threshold without a condition")
	}
	// Conditions of one severity that stand in one list are one threshold.
	plain := base
	for _, item := range value.items {
		if item.kind == scalarNode {
			if x, ok := p.expr(item, def); ok {
				plain.Exprs = append(plain.Exprs, x)
			}
			continue
		}
		p.addThreshold(base, def, key, item)
	}
	p.keepThreshold(plain, key, "")
}

func (p *parse) addThreshold(t Threshold, def *MetricDef, key, value *node) {
	n, reason := value, ""
	if value.kind != scalarNode {
		o := p.object(value, thresholdDef)
		if o == nil {
			return
		}
		t.Warn = o.enum("severity", []string{"fail", "warn"}) == "warn"
		t.AllowEmpty = o.boolean("allowEmpty")
		t.Window = o.duration("window", 0)
		t.Abort = o.boolean("abort")
		t.AbortAfter = o.duration("after", 0)
		t.Hold = o.duration("hold", 0)
		p.thresholdFits(&t, o)
		t.Advice = o.advice()
		reason = o.skipped()
		if n = o.get("expr"); n == nil {
			return
		}
	}
	if n.kind == sequenceNode {
		for _, item := range n.items {
			if x, ok := p.expr(item, def); ok {
				t.Exprs = append(t.Exprs, x)
			}
		}
	} else if x, ok := p.expr(n, def); ok {
		t.Exprs = append(t.Exprs, x)
	}
	p.keepThreshold(t, key, reason)
}

// thresholdFits reports keys that don't go together.
func (p *parse) thresholdFits(t *Threshold, o *object) {
	kind := t.metric().Kind
	switch {
	case o.has("after") && !t.Abort:
		p.hintf(o.keyPos("after"), "add abort: true; for what follows a fault write "+t.Metric+"{after=NAME}", "after says from when on abort looks at the condition")
	case o.has("hold") && t.Metric != RecoveryTime:
		p.errorf(o.keyPos("hold"), "hold is for %s", RecoveryTime)
	case o.has("window") && (kind == KindRate || kind == KindGauge):
		p.errorf(o.keyPos("window"), "a %s metric is not measured over time, so it has no window", kind)
	case o.has("window") && slices.Contains(noCourse, t.Metric):
		p.errorf(o.keyPos("window"), "%s is counted over the whole run, so it has no window", t.Metric)
	case t.Abort && (kind == KindRate || kind == KindGauge):
		p.errorf(o.keyPos("abort"), "a %s metric is known at the end only, so it can't abort the run", kind)
	}
}

// keepThreshold adds a threshold; reason is why it is skipped, "" if it isn't.
func (p *parse) keepThreshold(t Threshold, key *node, reason string) {
	if len(t.Exprs) == 0 {
		return
	}
	texts := make([]string, len(t.Exprs))
	for i, x := range t.Exprs {
		texts[i] = x.Text
	}
	t.Text = key.text + ": " + strings.Join(texts, ", ")
	p.sc.Thresholds = append(p.sc.Thresholds, &t)
	if reason != "" {
		p.skips[&t] = reason
	}
}

func (p *parse) expr(n *node, def *MetricDef) (ThresholdExpr, bool) {
	s, ok := p.text(n, "a condition")
	if !ok {
		return ThresholdExpr{}, false
	}
	x, err := parseExpr(s, def)
	if e, bad := errors.AsType[*exprError](err); bad {
		p.hintf(n.at(e.offset), e.hint, "%s: %s", def.Name, e.msg)
		return x, false
	}
	return x, true
}

// metricKey reads metric{label=value,a!=b}.
func (p *parse) metricKey(n *node) (name string, labels []LabelMatch, ok bool) {
	name, rest, hasLabels := strings.Cut(n.text, "{")
	trimmed := strings.TrimSpace(name)
	def := metricIndex[trimmed]
	if def == nil && strings.HasPrefix(trimmed, serverPrefix) {
		if def = serverMetric(trimmed); def == nil {
			p.hintf(n.pos, "write for example server.process_resident_memory_bytes", "%q is no name of a metric of a target", clip(printable(trimmed), 60))
			return "", nil, false
		}
	}
	if def == nil {
		p.hintf(n.pos, didYouMean(trimmed, metricNames()), "unknown metric %q", clip(printable(trimmed), 60))
		return "", nil, false
	}
	if !hasLabels {
		return trimmed, nil, true
	}
	inner, closed := strings.CutSuffix(strings.TrimSpace(rest), "}")
	if !closed {
		p.errorf(n.pos, "labels of %s: } is missing", trimmed)
		return "", nil, false
	}
	offset := len(name) + 1
	for part := range strings.SplitSeq(inner, ",") {
		m, good := p.labelMatch(n, def, part, offset)
		offset += len(part) + 1
		if !good {
			return "", nil, false
		}
		labels = append(labels, m)
	}
	return trimmed, labels, true
}

func (p *parse) labelMatch(n *node, def *MetricDef, part string, offset int) (LabelMatch, bool) {
	offset += len(part) - len(strings.TrimLeft(part, " "))
	m := LabelMatch{}
	key, value, ok := strings.Cut(part, "=")
	if !ok {
		p.hintf(n.at(offset), "write label=value, label!=value or from!=to", "label condition %q has no =", strings.TrimSpace(part))
		return m, false
	}
	if k, not := strings.CutSuffix(key, "!"); not {
		key, m.Not = k, true
	}
	m.Key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if slices.Contains(windowLabels, m.Key) {
		return p.windowMatch(n.at(offset), def, m, value)
	}
	if strings.HasPrefix(def.Name, serverPrefix) && m.Key != LabelTarget {
		m.Value = strings.Trim(value, `"`)
		return m, true // the target's own label
	}
	if !slices.Contains(def.Labels, m.Key) {
		p.hintf(n.at(offset), didYouMean(m.Key, def.Labels), "%s has no label %q", def.Name, m.Key)
		return m, false
	}
	m.Value = value
	if slices.Contains(def.Labels, value) && value != m.Key {
		m.Other, m.Value = value, ""
		return m, true
	}
	if known := p.labelValues(m.Key); known != nil && !slices.Contains(known, value) {
		p.hintf(n.at(offset), didYouMean(value, known), "nothing in this scenario has %s=%s", m.Key, clip(printable(value), 60))
		return m, false
	}
	return m, true
}

// windowMatch checks a condition on a part of the run.
func (p *parse) windowMatch(pos Pos, def *MetricDef, m LabelMatch, value string) (LabelMatch, bool) {
	var known []string
	what := "fault"
	if m.Key == LabelPhase {
		what = "phase"
		for i := range p.sc.Phases {
			known = append(known, p.sc.Phases[i].Name)
		}
	} else {
		for _, f := range p.sc.Faults {
			known = append(known, f.Name)
		}
	}
	m.Value = value
	switch {
	case m.Not:
		p.hintf(pos, "name the ones that you mean, each with a threshold of its own", "%s takes one name, not all but one", m.Key)
	case def.Name == RecoveryTime && m.Key != LabelAfter:
		p.hintf(pos, "write "+RecoveryTime+"{after=NAME}", "%s is measured after a fault", RecoveryTime)
	case !slices.Contains(known, value):
		p.hintf(pos, didYouMean(value, known), "the scenario has no %s called %q", what, clip(printable(value), 60))
	default:
		return m, true
	}
	return m, false
}

// labelValues lists what a label can be in this scenario, nil when that is
// not known before the run.
func (p *parse) labelValues(label string) []string {
	out := []string{}
	axis := func(g *Group, name string) {
		for _, a := range g.Matrix {
			if a.Name == name {
				out = append(out, axisNames(a)...)
			}
		}
	}
	switch label {
	case LabelClients:
		return p.groupNames()
	case LabelTarget, LabelFrom, LabelTo:
		for _, t := range p.sc.Targets {
			if t.Discovery != nil {
				return nil // not before the run
			}
			out = append(out, t.Name)
		}
	case LabelVerify:
		for _, v := range p.sc.Verify {
			out = append(out, v.Name)
		}
	case LabelTransport:
		return []string{"websocket", "polling", "sse", "http"}
	case LabelKind:
		return nil
	}
	for _, g := range p.sc.Groups {
		switch label {
		case LabelPlace, LabelCase:
			axis(g, label)
		}
		for _, s := range g.Flow {
			switch label {
			case LabelStep:
				out = append(out, s.Name)
			case LabelEvent:
				switch {
				case s.Emit != nil:
					out = append(out, s.Emit.Event)
				case s.On != nil && s.On.Event == "", s.Expect != nil && s.Expect.Event == "":
					return nil // any event may come
				case s.On != nil:
					out = append(out, s.On.Event)
				case s.Expect != nil:
					out = append(out, s.Expect.Event)
				}
			case LabelClass:
				if s.Emit != nil {
					for _, c := range s.Emit.Outcome {
						out = append(out, c.Class)
					}
					out = append(out, OutcomeOther, OutcomeUnanswered)
				}
			}
		}
	}
	return out
}

func metricNames() []string {
	out := make([]string, len(metricTable))
	for i, m := range metricTable {
		out[i] = m.Name
	}
	return out
}
