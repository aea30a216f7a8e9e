package loadgen

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// judgeCases makes one check of each cell that has a case, and a skipped one of
// each excluded combination.
func (e *engine) judgeCases(g *groupRun, ev *evidence) []judged {
	var out []judged
	name := g.plan.Group.Name
	for _, c := range g.cells {
		if c.probes == nil {
			continue
		}
		out = append(out, c.judgeCase(name, ev, e))
	}
	for _, s := range g.plan.Skipped {
		out = append(out, judged{Check: Check{
			Kind: "auth", Name: name + " · " + s.Name, Status: CheckSkipped, Detail: s.Reason, Pos: s.Pos,
		}})
	}
	return out
}

func (c *cellRun) judgeCase(group string, ev *evidence, e *engine) judged {
	t := c.probes
	t.mu.Lock()
	defer t.mu.Unlock()
	j := judged{Check: Check{
		Kind: "auth", Name: group + " · " + c.plan.Name, Status: CheckPass, Advice: c.advice(), Pos: c.plan.Pos,
		Want: c.plan.Case.Outcome,
		Got:  fmt.Sprintf("%d of %d as expected", t.good, t.tried),
	}}
	if c.plan.Case.Within > 0 {
		j.Want += " within " + c.plan.Case.Within.String()
	}
	switch {
	case t.bad > 0:
		j.Status, j.outright = CheckFail, t.bad > t.slow
		j.excused = c.excusesSlow(ev, t.slow, t.tried)
		j.Detail = fmt.Sprintf("%d of %d: %s", t.bad, t.tried, t.badExample)
		if t.slow == t.bad {
			j.Detail = lines(j.Detail, e.slowHandshakes(c.plan.Case.Outcome))
		}
	case t.tried == 0:
		j.Status, j.Detail = CheckInconclusive, "no handshake was tried"
	case t.open > 0:
		j.Status = CheckInconclusive
		j.Got += fmt.Sprintf(", %d without an answer", t.open)
		j.Detail = lines(fmt.Sprintf("%d of %d neither accepted nor refused: %s", t.open, t.tried, t.openExample),
			"that proves nothing about who is let in: find out why there was no answer (network, proxy, a server out of time), then run it again")
	default:
		j.Detail = fmt.Sprintf("%s, at most after %s", t.goodExample, round(t.slowest))
	}
	return j
}

// slowHandshakes says what a handshake that was decided rightly, but too late,
// means: beside it stands how long those of sound tokens took.
func (e *engine) slowHandshakes(outcome string) string {
	text := "the decision was right, only late: the check of tokens is sound, the server was slow"
	var ids []hist.ID
	for _, g := range e.groups {
		for _, c := range g.cells {
			if c.plan.Case != nil && c.plan.Case.Outcome == OutcomeAccepted {
				ids = append(ids, c.connectLatency)
			}
		}
	}
	if len(ids) == 0 || outcome == OutcomeAccepted {
		return text
	}
	if h := e.hists.Read(ids...); h.Count() > 0 {
		text += fmt.Sprintf("; sound tokens took %s to be accepted, p99 %s", round(seconds(h.Percentile(50))), round(seconds(h.Percentile(99))))
	}
	return text
}

// advice is that of the cell's case, or of its group.
func (c *cellRun) advice() string {
	if a := c.plan.Case.Advice; a != "" {
		return a
	}
	return c.group.plan.Group.Advice
}

// excusesSlow tells whether the generator's lag can explain that so many
// handshakes of those tried took too long.
func (c *cellRun) excusesSlow(ev *evidence, slow, tried int64) bool {
	x := c.handshake()
	return ev.excuses(slow, tried, max(x.AcceptedWithin, x.RejectedWithin, rejectedWithin))
}

// runsFlow tells whether clients of the cell come to the flow.
func (c *cellRun) runsFlow() bool {
	return c.plan.Case == nil || c.plan.Case.Outcome == OutcomeAccepted
}

// judgeGroup checks that the clients that no case speaks of were connected and
// stayed.
func (e *engine) judgeGroup(g *groupRun, ev *evidence) []judged {
	var planned, tried, opened, unplanned, late, limited, unavailable int64
	for _, c := range g.cells {
		if c.plan.Case != nil {
			continue
		}
		planned += int64(c.plan.Count)
		tried += c.tried.Load()
		opened += c.opened.Load()
		unplanned += c.unplanned.Load()
		late += c.firstByteLate.Load()
		unavailable += c.unavailable.Load()
		limited += c.errors[rt.KindLimit].Load()
	}
	if planned == 0 {
		return nil
	}
	if ev.end != endDone {
		planned = tried // the rest had no chance
	}
	j := judged{Check: Check{
		Kind: "group", Name: g.plan.Group.Name, Status: CheckPass, Advice: g.plan.Group.Advice, Pos: g.plan.Group.Pos,
		Got: fmt.Sprintf("%d of %d connected", opened, planned), Want: "all connected, none disconnected",
	}}
	labels := map[string]string{LabelClients: g.plan.Group.Name}
	failed := planned - opened
	covering := []string{ConnectFailures, Errors}
	if failed == unavailable {
		covering = append(covering, ServerUnavailable)
	}
	if failed > 0 && !ev.tolerated(labels, covering...) {
		j.Status = CheckFail
		if failed <= limited { // the server had no part in it
			j.Status = CheckInconclusive
		}
	}
	if unplanned > 0 {
		j.Got += fmt.Sprintf(", %d disconnected", unplanned)
		if !g.reconnects() && !ev.tolerated(labels, DisconnectsUnplanned) {
			j.Status = CheckFail
		}
	}
	e.judgeReturns(g, ev, &j)
	if late > 0 {
		j.Got += fmt.Sprintf(", %d with the first byte later than %s", late, g.plan.Group.Connect.FirstByteWithin)
		if !ev.tolerated(labels, SSEFirstByte) {
			j.excused = j.Status == CheckPass && ev.excuses(late, opened, g.plan.Group.Connect.FirstByteWithin)
			j.Status = CheckFail
		}
	}
	if j.Status == CheckFail && failed > 0 {
		j.Detail = e.firstErrorText()
	}
	return []judged{j}
}

func (e *engine) firstErrorText() string {
	if l := e.errs.list(); len(l) > 0 {
		return fmt.Sprintf("%d times: %s", l[0].Count, l[0].Text)
	}
	return ""
}

// judgeSteps checks that every step was reached, and that what it expects
// came.
func (e *engine) judgeSteps(g *groupRun, ev *evidence) []judged {
	var out []judged
	for i, st := range g.plan.Group.Flow {
		t := g.totals(i)
		if t.cells == 0 {
			continue
		}
		j := judged{Check: Check{
			Kind: "step", Name: g.plan.Group.Name + ": " + st.Name, Status: CheckPass, Advice: g.plan.Group.Advice, Pos: st.Pos,
			Got: t.got(st), Want: "all of them",
		}}
		labels := map[string]string{LabelClients: g.plan.Group.Name, LabelStep: st.Name}
		if st.Emit != nil {
			labels[LabelEvent] = st.Emit.Event
		}
		switch {
		case t.started == 0 && g.allKicked():
			j.Status, j.Got, j.Detail = CheckSkipped, "never reached", kickedText(g)
		case t.started == 0 && ev.end == endDone:
			j.Status, j.Got, j.Detail = CheckFail, "never reached", st.Line
		case t.failed > 0 && !ev.tolerated(labels, t.covering(st)...):
			j.Status, j.Detail = CheckFail, t.example
			if t.timeouts > 0 && t.refused == 0 && t.errors == 0 {
				j.excused = ev.excuses(t.timeouts, t.asked, g.cells[0].steps[i].within)
			}
		case !st.expects():
			continue
		}
		out = append(out, j)
	}
	return out
}

// expects tells whether a step can fail by what the server does.
func (st *Step) expects() bool {
	return st.Expect != nil || st.Publish != nil || st.Emit != nil && (st.Emit.Ack != nil || len(st.Emit.Outcome) > 0) ||
		st.On != nil && st.On.Count > 0
}

// stepTotals are a step's counters over all cells that run the flow.
type stepTotals struct {
	cells                                        int
	started, succeeded, failed                   int64
	asked, timeouts, refused, errors             int64
	sent, published, publishFailures, classified int64
	example                                      string
}

func (g *groupRun) totals(i int) stepTotals {
	var t stepTotals
	for _, c := range g.cells {
		if !c.runsFlow() {
			continue
		}
		s := c.steps[i]
		t.cells++
		t.started += s.started.Load()
		t.succeeded += s.succeeded.Load()
		t.failed += s.failed.Load()
		t.asked += s.acksAsked.Load()
		t.timeouts += s.ackTimeouts.Load()
		t.refused += s.acksRefused.Load()
		t.errors += s.sendErrors.Load()
		t.sent += s.sent.Load()
		t.published += s.published.Load()
		t.publishFailures += s.publishFailures.Load()
		t.classified += s.classified.Load()
		if t.example == "" {
			s.mu.Lock()
			t.example = s.example
			s.mu.Unlock()
		}
	}
	return t
}

// covering are the metrics that speak about all of a step's failures, so that
// a threshold on one of them decides whether they are too many.
func (t *stepTotals) covering(st *Step) []string {
	out := []string{StepSuccess, StepFailures, Errors}
	if st.Publish != nil {
		out = append(out, PublishFailures)
	}
	if t.timeouts > 0 && t.refused == 0 && t.errors == 0 {
		out = append(out, AckTimeouts)
	}
	return out
}

func (t *stepTotals) got(st *Step) string {
	switch {
	case st.Emit != nil && len(st.Emit.Outcome) > 0:
		return fmt.Sprintf("%d sends, %d classified", t.sent, t.classified)
	case st.Emit != nil && st.Emit.Ack != nil:
		s := fmt.Sprintf("%d of %d acks", t.asked-t.timeouts-t.refused, t.asked)
		if t.failed > 0 && t.timeouts+t.refused == 0 {
			s += fmt.Sprintf(", %d of %d clients did not finish", t.failed, t.started)
		}
		return s
	case st.Publish != nil:
		return fmt.Sprintf("%d of %d requests", t.published-t.publishFailures, t.published)
	}
	return fmt.Sprintf("%d of %d clients", t.succeeded, t.started)
}
