package loadgen

import (
	"slices"
	"strings"
)

// SkippedPart is a part of a scenario that does not apply to the server at
// hand. Reports show it with its reason, so that nobody takes it for passed.
type SkippedPart struct {
	Pos        Pos
	Kind, Name string // of the check that it would have been
	Reason     string
}

// skipped reads skip and returns the reason of the first condition that holds,
// "" for none.
func (o *object) skipped() (reason string) {
	n := o.get("skip")
	if n == nil {
		return ""
	}
	items := []*node{n}
	if n.kind == sequenceNode {
		items = o.p.items(n, "skip")
	}
	for _, item := range items {
		if why, ok := o.p.skip(item); ok && reason == "" {
			reason = why
		}
	}
	return reason
}

func (p *parse) skip(n *node) (reason string, holds bool) {
	o := p.object(n, skipDef)
	if o == nil {
		return "", false
	}
	yes, no := o.condition("if"), o.condition("unless")
	reason = o.str("reason")
	switch {
	case o.has("if") == o.has("unless"):
		p.errorf(n.pos, "skip has one of if and unless")
	case o.has("reason") && strings.TrimSpace(reason) == "":
		p.errorf(o.keyPos("reason"), "skip needs a reason, the report shows it")
	}
	return reason, o.has("if") && yes || o.has("unless") && !no
}

// condition reads a text that says yes or no. An environment reference may
// come out empty, which says no.
func (o *object) condition(key string) bool {
	n := o.get(key)
	if n == nil || n.kind == nullNode {
		return false
	}
	s, ok := o.p.text(n, key)
	return ok && isOn(s)
}

// advice reads the line that reports print where something fails.
func (o *object) advice() string {
	s := o.str("advice")
	if strings.ContainsAny(s, "\r\n") {
		o.p.errorf(o.keyPos("advice"), "advice is one line")
	}
	return s
}

// dropSkipped takes out what is skipped, after everything was checked as if it
// were there: verify blocks and faults of groups that are left out go with them, and
// thresholds that nothing measures any more.
func (p *parse) dropSkipped() {
	if len(p.skips) == 0 || len(p.diags) > 0 {
		return
	}
	before := p.thresholdSubjects()
	why := map[string]string{} // of groups
	p.sc.Groups = slices.DeleteFunc(p.sc.Groups, func(g *Group) bool {
		reason, out := p.skips[g]
		if out {
			why[g.Name] = reason
			p.skipPart(g.Pos, "group", g.Name, reason)
		}
		return out
	})
	if len(p.sc.Groups) == 0 {
		p.errorf(p.sc.Skipped[0].Pos, "every group is skipped, so there is nothing to run: %s", p.sc.Skipped[0].Reason)
		return
	}
	p.sc.Verify = slices.DeleteFunc(p.sc.Verify, func(v *Verify) bool {
		reason, out := p.skips[v]
		for _, name := range []string{v.To, v.From} {
			if r, gone := why[name]; gone && !out {
				reason, out = r, true
			}
		}
		if out {
			why["verify "+v.Name] = reason
			p.skipPart(v.Pos, "verify", v.Name, reason)
		}
		return out
	})
	p.sc.Faults = slices.DeleteFunc(p.sc.Faults, func(f *Fault) bool {
		reason, out := p.skips[f]
		if f.Drop != nil && !out {
			reason, out = why[f.Drop.Clients]
		}
		if out {
			why["fault "+f.Name] = reason
			p.skipPart(f.Pos, "fault", f.Name, reason)
		}
		return out
	})
	p.sc.Scrapes = slices.DeleteFunc(p.sc.Scrapes, func(x *Scrape) bool {
		reason, out := p.skips[x]
		if out {
			p.skipPart(x.Pos, "scrape", x.Name, reason)
		}
		return out
	})
	p.sc.Thresholds = slices.DeleteFunc(p.sc.Thresholds, func(t *Threshold) bool {
		reason, out := p.skips[t]
		if !out {
			reason, out = p.lostSubject(t, why, before)
		}
		if out {
			p.skipPart(t.Pos, "threshold", t.Text, reason)
		}
		return out
	})
}

func (p *parse) skipPart(pos Pos, kind, name, reason string) {
	p.sc.Skipped = append(p.sc.Skipped, SkippedPart{Pos: pos, Kind: kind, Name: name, Reason: reason})
}

// thresholdSubjects is, for each threshold, whether something measures it.
func (p *parse) thresholdSubjects() map[*Threshold]bool {
	out := map[*Threshold]bool{}
	for _, t := range p.sc.Thresholds {
		out[t] = p.measured(t)
	}
	return out
}

// measured tells whether a part of the scenario that is there measures what
// the threshold is about.
func (p *parse) measured(t *Threshold) bool {
	if p.needs(t) != "" || t.def != nil && len(p.sc.Scrapes) == 0 {
		return false
	}
	for _, l := range t.Labels {
		if l.Other != "" || l.Not || l.Value == "" || slices.Contains(windowLabels, l.Key) || t.def != nil {
			continue
		}
		if known := p.labelValues(l.Key); known != nil && !slices.Contains(known, l.Value) {
			return false
		}
	}
	return true
}

// lostSubject tells whether a threshold is about something that was there
// before parts were left out, and why it is not any more.
func (p *parse) lostSubject(t *Threshold, why map[string]string, before map[*Threshold]bool) (reason string, lost bool) {
	for _, l := range t.Labels {
		key := l.Value
		switch l.Key {
		case LabelClients:
		case LabelVerify:
			key = "verify " + l.Value
		case LabelDuring, LabelAfter:
			key = "fault " + l.Value
		default:
			continue
		}
		if r, gone := why[key]; gone && !l.Not {
			return r, true
		}
	}
	if !before[t] || p.measured(t) {
		return "", false
	}
	if i := slices.IndexFunc(p.sc.Skipped, func(s SkippedPart) bool { return s.Kind == "scrape" }); i >= 0 && t.def != nil {
		return p.sc.Skipped[i].Reason, true
	}
	return p.sc.Skipped[0].Reason, true // of the parts that it was about, one at least
}
