package loadgen

import (
	"fmt"
	"slices"
)

// Some servers answer what they do not want with a disconnect. Where an outcome
// class of the scenario says that this is an answer, the client's flow ends well
// with it, and what would have come after it can't be judged: it is skipped, with
// the reason, and neither passes nor fails.

// allKicked tells whether every client of the group that ran its flow was
// disconnected as a class says.
func (g *groupRun) allKicked() bool {
	var ran, kicked int64
	for _, c := range g.cells {
		if c.runsFlow() {
			ran += int64(c.plan.Count)
			kicked += c.kicked.Load()
		}
	}
	return ran > 0 && kicked == ran
}

func kickedText(g *groupRun) string {
	return fmt.Sprintf("every one of clients %s was disconnected by the server before, which a class of the scenario takes for an answer", g.plan.Group.Name)
}

// leftUnmeasured are the metrics that need a client which goes on after the first
// send that was refused.
var leftUnmeasured = []string{AcceptedRate, ThrottledRate}

// kickedAway says why a threshold has no samples, if that is because all clients
// that it speaks of were disconnected as a class says, "" if it is not.
func (e *engine) kickedAway(t *Threshold) string {
	rates := slices.Contains(leftUnmeasured, t.Metric)
	text := ""
	for _, g := range e.groups {
		speaks := false
		for _, c := range g.cells {
			for _, s := range c.steps {
				if !rates && s.started.Load() > 0 || rates && !s.outcome {
					continue
				}
				labels := with(c.labels, LabelStep, s.step.Name)
				if s.step.Emit != nil {
					labels[LabelEvent] = s.step.Emit.Event
				}
				fits := !slices.ContainsFunc(t.Labels, func(l LabelMatch) bool { return !l.Matches(labels) })
				named := rates || slices.ContainsFunc(t.Labels, func(l LabelMatch) bool { return l.Key == LabelStep && !l.Not })
				speaks = speaks || fits && named
			}
		}
		switch {
		case !speaks:
		case !g.allKicked():
			return ""
		default:
			text = kickedText(g)
		}
	}
	return text
}
