package loadgen

import (
	"fmt"
	"strings"
)

// judgeVerify decides whether the deliveries of a verify block were what its
// guarantee says.
func (e *engine) judgeVerify(acc *account, ev *evidence) judged {
	v, c := acc.watch.verify, &acc.total
	j := judged{Check: Check{Kind: "verify", Name: v.Name, Pos: v.Pos, Status: CheckPass, Want: v.want()}}
	if v.Nothing {
		return acc.judgeNothing(j, ev)
	}
	j.Got = fmt.Sprintf("%d of %d delivered", c.Delivered, c.Expected)
	if c.Expected == 0 {
		j.Status = ev.vacuous()
		j.Detail = acc.whyNothing(c.Published)
		return j
	}
	labels := map[string]string{LabelVerify: v.Name}
	var wrong []string
	excused := true
	fault := func(n int64, what string, excuse bool, metrics ...string) bool {
		if n == 0 || ev.tolerated(labels, metrics...) {
			return false
		}
		wrong = append(wrong, fmt.Sprintf("%d %s", n, what))
		excused = excused && excuse
		return true
	}
	late := false
	if v.Guarantee != AtMostOnce {
		fault(c.Lost, "lost", ev.behind(), DeliveryLost, DeliveryDelivered)
	}
	if v.Guarantee != AtLeastOnce {
		fault(c.Duplicated, "duplicated", false, DeliveryDuplicated)
	}
	if v.Order != OrderNone && v.Order != "" {
		fault(c.OutOfOrder, "out of order", false, DeliveryOutOfOrder)
	}
	if v.Within > 0 {
		late = fault(c.Late, fmt.Sprintf("later than %s", v.Within), ev.excuses(c.Late, c.Expected, v.Within), DeliveryLate)
	}
	fault(c.Unexpected, "unexpected", false, DeliveryUnexpected)
	fault(c.Corrupt, "corrupt", false, DeliveryCorrupt)
	if len(wrong) == 0 {
		if e.book.OrderCut() && v.Order == OrderTotal {
			j.Status = CheckInconclusive
			j.Detail = "too many deliveries to compare the order of all of them across publishers"
		}
		return j
	}
	j.Status = CheckFail
	j.Got += ", " + strings.Join(wrong, ", ")
	// Lateness alone may be the doing of a generator that could not keep up.
	j.excused, j.outright = excused, !excused && !(late && len(wrong) == 1)
	j.Detail = lines(acc.whereLost(e), acc.evidence(acc.losses, "lost"), acc.foreignHint())
	return j
}

// whereLost says what the losses have in common, which is where to look.
func (acc *account) whereLost(e *engine) string {
	if acc.total.Lost == 0 {
		return ""
	}
	var same, cross int64
	to := map[string]int64{}
	n := acc.audience.targets
	used := acc.usedCells(e)
	for _, at := range used {
		lost := acc.cells[at].Lost
		if at/n == at%n {
			same += lost
		} else {
			cross += lost
		}
		if lost > 0 {
			to[e.targets[at%n].Name] += lost
		}
	}
	text := fmt.Sprintf("%d of %d subscribers lost something", acc.losers, acc.eligible)
	switch {
	case len(used) > 1 && same == 0:
		text += ", only between different targets: look at what connects them"
	case len(to) == 1 && len(used) > 1:
		for name := range to {
			text += ", all of them on " + name
		}
	case acc.losers == 1:
		text += ": look at its connection"
	}
	return text
}

func (v *Verify) want() string {
	if v.Nothing {
		return fmt.Sprintf("%s get nothing from %s", v.To, v.From)
	}
	s := string(v.Guarantee)
	if v.Order != OrderNone && v.Order != "" {
		s += ", order " + string(v.Order)
	}
	if v.Within > 0 {
		s += ", within " + v.Within.String()
	}
	return s
}

// judgeNothing judges canaries.
func (acc *account) judgeNothing(j judged, ev *evidence) judged {
	var possible int64
	for _, n := range acc.possible {
		possible += n
	}
	c := &acc.total
	j.Got = fmt.Sprintf("%d of %d leaked", c.Unexpected, possible)
	if c.Corrupt > 0 {
		j.Got += fmt.Sprintf(", %d corrupt", c.Corrupt)
	}
	labels := map[string]string{LabelVerify: acc.watch.verify.Name}
	switch {
	case c.Unexpected > 0 && !ev.tolerated(labels, DeliveryUnexpected),
		c.Corrupt > 0 && !ev.tolerated(labels, DeliveryCorrupt): // a leak, though one can't tell of what
		j.Status, j.outright = CheckFail, true
		j.Detail = lines(acc.evidence(acc.leaks, "leaked"), acc.foreignHint())
	case c.Unexpected == 0 && possible == 0:
		j.Status = ev.vacuous()
		j.Detail = acc.whyNothing(c.Published)
	}
	return j
}

// whyNothing says why there was nothing to verify.
func (acc *account) whyNothing(published int64) string {
	switch {
	case published == 0:
		return fmt.Sprintf("no message of clients %s was accepted by the server, so this proves nothing", acc.watch.from.plan.Group.Name)
	case acc.eligible == 0:
		return fmt.Sprintf("none of clients %s got to listen, so this proves nothing", acc.audience.group.plan.Group.Name)
	}
	return "no message was published while a subscriber was listening, so this proves nothing; let both wait at a barrier"
}

func (acc *account) foreignHint() string {
	if acc.foreign == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages came from another run; put {{run.id}} into the names of rooms", acc.foreign)
}

// evidence lists the worst losses or leaks.
func (acc *account) evidence(list []Loss, what string) string {
	const most = 10
	var out []string
	for i, l := range list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more intervals", len(list)-most))
			break
		}
		out = append(out, l.text(what))
	}
	return strings.Join(out, "\n")
}

// text is a loss in one line:
// pod-a→pod-c pub#3 sub#17 lost 411–498 (88) 12:03:07.1–12:03:11.5.
func (l *Loss) text(what string) string {
	const clock = "15:04:05.0"
	seqs := fmt.Sprint(l.First)
	if l.Last != l.First {
		seqs += fmt.Sprintf("–%d", l.Last)
	}
	return fmt.Sprintf("%s→%s pub#%d sub#%d %s %s (%d) %s–%s",
		l.From, l.To, l.Publisher, l.Subscriber, what, seqs, l.Count, l.Start.Format(clock), l.End.Format(clock))
}
