package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Bounds that hold where the scenario names none.
const (
	// acceptedFor is how long an accepted client must stay connected: servers
	// that check the token after the handshake disconnect within it.
	acceptedFor = 500 * time.Millisecond
	// rejectedWithin is how long a refusal may take.
	rejectedWithin = 2 * time.Second
	// listenAfter is how long a refused but open connection is listened to
	// for leaks.
	listenAfter = time.Second
)

// judge decides what became of a handshake of a case, and lets the flow begin
// if the client was to be accepted and was.
func (c *client) judge(conn rt.Conn, err error, due, at time.Duration) {
	if err == nil {
		c.mu.Lock()
		c.opened(conn)
		c.mu.Unlock()
		c.eng.hists.Record(c.shard(), c.cell.connectLatency, at-due)
	}
	var f finding
	switch c.cell.plan.Case.Outcome {
	case OutcomeRejected:
		f = c.judgeRejected(conn, err, at)
	case OutcomeDisconnected:
		f = c.judgeDisconnected(err, at)
	default:
		f = c.judgeAccepted(err, at)
	}
	if c.haltedEarly() {
		f = finding{skip: true}
	}
	c.cell.probes.add(f)
	c.mu.Lock()
	c.noteLocal("judged", f.text)
	if f.result != probeGood && !f.skip {
		c.failed(c.cell.plan.Name + ": " + f.text)
	}
	if f.result == probeGood && c.cell.plan.Case.Outcome == OutcomeAccepted && !c.gone {
		c.probe = nil
		c.begin(c.eng.now())
		c.mu.Unlock()
		return
	}
	if err != nil && unavailable(err) {
		c.cell.unavailable.Add(1)
	}
	if err != nil && conn == nil && f.result == probeOpen {
		c.cell.fail(rt.KindOf(err))
		c.eng.errs.add(err.Error())
	}
	shut := c.probe.shut
	c.closing = true
	c.giveUp()
	c.mu.Unlock()
	if conn != nil && !shut {
		c.eng.closeConn(conn)
	}
}

// handshake is the group's bounds on handshakes.
func (c *cellRun) handshake() HandshakeExpect {
	if e := c.group.plan.Group.Expect; e != nil {
		return *e
	}
	return HandshakeExpect{}
}

// judgeAccepted judges a handshake that had to succeed.
func (c *client) judgeAccepted(err error, at time.Duration) finding {
	if err != nil {
		return refusedWrongly(err)
	}
	x := c.cell.handshake()
	if took := at - c.dialStart; x.AcceptedWithin > 0 && took > x.AcceptedWithin {
		f := mismatch("accepted after %s, bound %s", round(took), x.AcceptedWithin)
		f.slow = true
		return f
	}
	if c.await(at+acceptedFor, isGone) {
		return mismatch("accepted, then disconnected after %s (%s)", round(c.probe.goneAt-at), c.clean(c.probe.reason))
	}
	return finding{result: probeGood, text: "accepted", took: at - c.dialStart}
}

// judgeDisconnected judges a client that had to be accepted and then
// disconnected, because its token expires.
func (c *client) judgeDisconnected(err error, at time.Duration) finding {
	life := c.cell.tokens.lifetime()
	if err != nil {
		if took := at - c.dialStart; life > 0 && took >= life-expirySlack {
			return undecided(fmt.Errorf("the handshake took %s, so the token may have expired before it was looked at: %w", round(took), err))
		}
		return refusedWrongly(err)
	}
	within := c.cell.plan.Case.Within
	if within <= 0 {
		within = life + rejectedWithin
	}
	if !c.await(at+within, isGone) {
		return mismatch("still connected after %s", within)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The token was made when the handshake began, which may be long ago.
	after := c.probe.goneAt - c.dialStart
	if after < life-expirySlack {
		return mismatch("disconnected after %s, before the token expired", round(after))
	}
	return finding{result: probeGood, text: "disconnected", took: after}
}

// expirySlack is how much before its token's expiry a client may be
// disconnected, for clocks that differ and dates in whole seconds.
const expirySlack = time.Second

// judgeRejected judges a handshake that had to be refused.
func (c *client) judgeRejected(conn rt.Conn, err error, at time.Duration) finding {
	x := c.cell.handshake()
	within := x.RejectedWithin
	if within <= 0 {
		within = rejectedWithin
	}
	f := finding{result: probeGood, refused: true, stage: rt.StageConnected, took: at - c.dialStart}
	if err != nil {
		e, _ := errors.AsType[*rt.Error](err)
		if e == nil || e.Kind != rt.KindRejected || isUnavailable(e.Status) || e.Status == 429 {
			return undecided(err)
		}
		f.stage, f.text = e.Stage, refusal(e)
		if why := x.refusalFits(e); why != "" {
			f.result, f.text = probeBad, why
		}
	} else {
		if !c.await(at+within, isGone) {
			return c.acceptedWrongly(within)
		}
		c.mu.Lock()
		p := *c.probe
		c.mu.Unlock()
		if p.by == rt.ByNetwork {
			return finding{result: probeOpen, text: "accepted, then the connection broke: " + c.clean(p.reason)}
		}
		f.took = p.goneAt - c.dialStart
		f.text = "disconnected by the server"
		if len(x.RejectedAt) > 0 && !slices.Contains(x.RejectedAt, rt.StageConnected) {
			f.result, f.text = probeBad, fmt.Sprintf("accepted, then disconnected after %s; want a refusal at %s", round(f.took), stages(x.RejectedAt))
		}
	}
	c.eng.hists.Record(c.shard(), c.cell.rejectLatency, f.took)
	if f.result == probeGood && f.took > within {
		f.slow = true
		f.result, f.text = probeBad, fmt.Sprintf("refused after %s, bound %s", round(f.took), within)
	}
	return c.afterRefusal(f, x, conn)
}

// afterRefusal keeps listening until the socket is closed: a server that says
// no and serves on is worse than one that says yes.
func (c *client) afterRefusal(f finding, x HandshakeExpect, conn rt.Conn) finding {
	c.mu.Lock()
	c.probe.refused = true
	c.mu.Unlock()
	if conn != nil {
		limit := x.SocketClosedWithin
		if limit <= 0 {
			limit = listenAfter
		}
		from := c.eng.now()
		if !c.await(from+limit, isShut) && x.SocketClosedWithin > 0 && f.result == probeGood {
			f.result, f.text = probeBad, fmt.Sprintf("refused, but the socket was still open after %s", limit)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe.events > 0 {
		f.leaked = true
		if x.NoEventsBefore {
			f.result, f.slow = probeBad, false
			f.text = fmt.Sprintf("refused, but received %s %q", plural(int64(c.probe.events), "event"), c.clean(c.probe.firstEvent))
		}
	}
	if c.probe.serves > 0 {
		f.silent, f.result, f.slow = true, probeBad, false
		f.text = fmt.Sprintf("silent accept: refused, but received %s %q", plural(int64(c.probe.serves), "event"), c.clean(c.probe.served))
	}
	return f
}

func (c *client) acceptedWrongly(within time.Duration) finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := mismatch("accepted, and not disconnected within %s", within)
	if c.probe.events > 0 {
		f.leaked = true
		f.text += fmt.Sprintf("; received %s %q", plural(int64(c.probe.events), "event"), c.clean(c.probe.firstEvent))
	}
	return f
}

func (c *client) clean(text string) string { return c.eng.errs.clean(text) }

// refusalFits says what is wrong with an explicit refusal, "" if nothing.
func (x *HandshakeExpect) refusalFits(e *rt.Error) string {
	if len(x.RejectedAt) > 0 && !slices.Contains(x.RejectedAt, e.Stage) {
		return fmt.Sprintf("refused at %s, want %s", e.Stage, stages(x.RejectedAt))
	}
	if e.Status != 0 {
		if len(x.RejectedStatus) > 0 && !slices.Contains(x.RejectedStatus, e.Status) {
			return fmt.Sprintf("refused with status %d, want %v", e.Status, x.RejectedStatus)
		}
		return "" // codes are for refusals that have no status
	}
	if len(x.RejectedCode) == 0 || slices.ContainsFunc(x.RejectedCode, func(m *Matcher) bool { return m.Match([]byte(e.Code)) }) {
		return ""
	}
	return fmt.Sprintf("refused with code %q, which matches none of the codes", e.Code)
}

func refusal(e *rt.Error) string {
	s := "refused at " + string(e.Stage)
	if e.Status != 0 {
		s += fmt.Sprintf(" with status %d", e.Status)
	}
	if e.Code != "" {
		s += fmt.Sprintf(" (%s)", e.Code)
	}
	return s
}

func stages(s []rt.Stage) string {
	text := ""
	for i, x := range s {
		if i > 0 {
			text += " or "
		}
		text += string(x)
	}
	return text
}

// refusedWrongly judges a failed handshake that had to succeed.
func refusedWrongly(err error) finding {
	e, _ := errors.AsType[*rt.Error](err)
	if e == nil || e.Kind != rt.KindRejected || isUnavailable(e.Status) || e.Status == 429 {
		return undecided(err)
	}
	f := mismatch("%s, though it had to be accepted", refusal(e))
	f.refused = true
	return f
}

// undecided is neither an acceptance nor an explicit refusal: it proves
// nothing about the server's authentication.
func undecided(err error) finding { return finding{result: probeOpen, text: err.Error()} }

func mismatch(format string, args ...any) finding {
	return finding{result: probeBad, text: fmt.Sprintf(format, args...)}
}

func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
