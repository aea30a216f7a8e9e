package loadgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// judgeVerify decides whether the deliveries of a verify block were what its
// guarantee says.
func (e *engine) judgeVerify(acc *account, ev *evidence) judged {
	v, c := acc.watch.verify, &acc.total
	j := judged{Check: Check{Kind: "verify", Name: v.Name, Pos: v.Pos, Status: CheckPass, Want: v.want(), Advice: v.Advice}}
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
	missed := []string{DeliveryLost, DeliveryDelivered}
	if v.Slow {
		missed[0] = DeliverySlow
	}
	lost, duplicated, allowed := e.broken(acc)
	j.Detail = allowed
	switch {
	case v.Slow && c.Delivered > 0: // what a server drops for a slow reader is its policy
	case c.Delivered == 0 && lost == 0: // at most once is not never
		fault(c.Lost, "lost: nothing arrived at all", ev.behind(), missed...)
	default:
		fault(lost, "lost", ev.behind(), missed...)
	}
	fault(duplicated, "duplicated", false, DeliveryDuplicated)
	if v.Order != OrderNone && v.Order != "" {
		fault(c.OutOfOrder, "out of order", false, DeliveryOutOfOrder)
	}
	if v.Slow {
		late = false
	} else if v.Within > 0 {
		late = fault(c.Late, fmt.Sprintf("later than %s", v.Within), ev.excuses(c.Late, c.Expected, v.Within), DeliveryLate)
	} else {
		late = fault(c.AfterSettle, "after the settle time", ev.behind(), DeliveryLate)
	}
	fault(c.Unexpected, "unexpected", false, DeliveryUnexpected)
	fault(c.Corrupt, "corrupt", false, DeliveryCorrupt)
	var stuck int64
	for _, n := range acc.stuckAt {
		stuck += n
	}
	if !v.Slow {
		fault(stuck, "stuck", false, StuckClients)
	}
	if len(wrong) == 0 {
		switch {
		case e.book.OrderCut() && v.Order == OrderTotal:
			j.Status = CheckInconclusive
			j.Detail = "too many deliveries to compare the order of all of them across publishers"
		case c.Indeterminate > c.Expected && !ev.tolerated(labels, DeliveryIndeterminate):
			j.Status = CheckInconclusive
			j.Got += fmt.Sprintf(", %d indeterminate", c.Indeterminate)
			j.Detail = "more deliveries could not be decided than could: publishes without an ack, or subscribers that came, went or were cut off meanwhile"
		}
		return j
	}
	j.Status = CheckFail
	j.Got += ", " + strings.Join(wrong, ", ")
	// Lateness alone may be the doing of a generator that could not keep up.
	j.excused, j.outright = excused, !excused && !(late && len(wrong) == 1)
	j.Detail = lines(allowed, acc.whereLost(e), acc.whoAte(e), acc.evidence(acc.losses, "lost"), acc.stuckText(), acc.foreignHint())
	return j
}

// whoAte is the table of causes in lines.
func (acc *account) whoAte(e *engine) string {
	var out []string
	for _, c := range acc.causes.table(e) {
		out = append(out, c.line())
	}
	const most = 8
	if more := len(out) - most; more > 0 {
		out = append(out[:most], fmt.Sprintf("and %d more causes", more))
	}
	return strings.Join(out, "\n")
}

// line is a cause in one line:
// backplane pod-a→pod-c: 8800 of 1 publisher at 100 subscribers 12:03:07.1–12:03:11.5: acked, and nobody …
func (c *LossCause) line() string {
	s := fmt.Sprintf("%s %s→%s: %d of %s at %s", c.Cause, c.From, c.To, c.Count, plural(int64(c.Publishers), "publisher"), plural(int64(c.Subscribers), "subscriber"))
	if !c.Start.IsZero() {
		s += " " + c.Start.Format(lossClock) + "–" + c.End.Format(lossClock)
	}
	return s + ": " + c.Text()
}

// stuckText lists zombie subscriptions.
func (acc *account) stuckText() string {
	const most = 5
	var out []string
	for i, s := range acc.stuck {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more stuck clients", len(acc.stuck)-most))
			break
		}
		out = append(out, fmt.Sprintf("%s sub#%d is connected and has received nothing since %s; others on %s got %d messages",
			s.Target, s.Subscriber, s.Since.Format(lossClock), s.Target, s.Missed))
	}
	return strings.Join(out, "\n")
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
	for _, phase := range slices.Sorted(maps.Keys(v.InPhase)) {
		s += fmt.Sprintf(" (in %s %s)", phase, v.InPhase[phase])
	}
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
		j.Detail = lines(acc.missingCanaries(), acc.whyNothing(c.Published))
	default:
		if j.Detail = acc.missingCanaries(); j.Detail != "" && ev.end == endDone {
			j.Status = CheckWarn
		}
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

// lossClock is how evidence gives the time of day.
const lossClock = "15:04:05.0"

// text is a loss in one line:
// pod-a→pod-c pub#3 sub#17 lost 411–498 (88) 12:03:07.1–12:03:11.5: socket.
func (l *Loss) text(what string) string {
	seqs := fmt.Sprint(l.First)
	if l.Last != l.First {
		seqs += fmt.Sprintf("–%d", l.Last)
	}
	who := fmt.Sprintf("sub#%d", l.Subscriber)
	if l.Subscribers > 1 {
		who = fmt.Sprintf("%d subs", l.Subscribers)
	}
	s := fmt.Sprintf("%s→%s pub#%d %s %s %s (%d) %s–%s",
		l.From, l.To, l.Publisher, who, what, seqs, l.Count, l.Start.Format(lossClock), l.End.Format(lossClock))
	if l.Cause != "" {
		s += ": " + l.Cause
	}
	return s
}
