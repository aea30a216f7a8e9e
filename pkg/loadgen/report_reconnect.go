package loadgen

import (
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// ReconnectReport is how one group's clients came back.
type ReconnectReport struct {
	Group  string
	Policy ReconnectPolicy
	// Lost counts connections, Broken those of them that a fault of the
	// scenario broke; Returned and Recovered count comebacks.
	Lost, Broken, Returned, Recovered int64
	Attempts, Failed                  int64 // handshakes
	Still                             int   // clients that were not back at the end
	P50, P99, Max                     float64
	// Peak is the greatest rate of handshakes after the first loss, at PeakAt.
	Peak   float64
	PeakAt time.Duration
	// Herd counts the handshakes by tenth of a second from HerdAt on.
	Herd   []uint32
	HerdAt time.Duration
	Advice string // "" when there is none
}

// maxHerdShown bounds the tenths of a second that a report shows of a herd.
const maxHerdShown = 300

// clientReturns is what the clients of a cell say about their comebacks.
type clientReturns struct {
	still, back, doubled int64
	attempts             []float64
	firstLoss            time.Duration
}

func (c *cellRun) clientReturns(e *engine) clientReturns {
	r := clientReturns{firstLoss: -1}
	for i := range c.plan.Count {
		cl := &e.clients[c.group.plan.first+c.plan.First+i]
		cl.mu.Lock()
		if b := cl.back; b != nil && b.lost > 0 {
			r.attempts = append(r.attempts, float64(b.all))
			if cl.away || b.gaveUp {
				r.still++
			}
			if b.rejoined > 0 {
				r.back++
				if b.doubled() {
					r.doubled++
				}
			}
			if r.firstLoss < 0 || b.first < r.firstLoss {
				r.firstLoss = b.first
			}
		}
		cl.mu.Unlock()
	}
	return r
}

// returns makes the series of a cell's comebacks that are counted as they
// happen.
func (l *seriesList) returns(c *cellRun) {
	b := c.back
	if b == nil {
		return
	}
	l.latency(ReconnectTime, c.labels, b.time)
	l.latency(ResumeTime, c.labels, b.resume)
	if c.target.Protocol == rt.SocketIO {
		l.ratio(StateRecovered, c.labels, b.recovered.Load(), b.returned.Load())
	}
	l.ratio(ResumeDuplicates, c.labels, b.replayedTwice.Load(), b.replayed.Load())
}

// returned makes the series that only the clients can tell of.
func (l *seriesList) returned(c *cellRun) {
	if c.back == nil {
		return
	}
	r := c.clientReturns(l.e)
	if len(r.attempts) > 0 {
		l.rates(ReconnectAttempts, c.labels, r.attempts)
	}
	l.ratio(StillDisconnected, c.labels, r.still, int64(len(r.attempts)))
	l.ratio(DuplicateSessions, c.labels, r.doubled, r.back)
}

// resumed makes the series of what was published while subscribers were away.
func (l *seriesList) resumed(acc *account) {
	if acc.watch.rule.Nothing || !acc.audience.group.reconnects() {
		return
	}
	var sent, missing int64
	acc.audience.Resumed(acc.watch.rule, func(_, _ int, x ledger.Resumed) {
		sent += x.Sent
		missing += x.Missing
	})
	l.ratio(ResumeGap, map[string]string{LabelVerify: acc.watch.verify.Name}, missing, sent)
}

// herds makes the series of the greatest rate of handshakes.
func (l *seriesList) herds() {
	for _, g := range l.e.groups {
		var peak uint32
		for _, n := range l.e.herds.of(g, 0, l.e.now()) {
			peak = max(peak, n)
		}
		if peak > 0 {
			l.rates(ConnectRatePeak, map[string]string{LabelClients: g.plan.Group.Name}, []float64{perSecond(peak)})
		}
	}
}

// judgeReturns adds to a group's check who is not back.
func (e *engine) judgeReturns(g *groupRun, ev *evidence, j *judged) {
	var still, lost, notIn, broken int64
	for _, c := range g.cells {
		broken += c.severed.Load()
		if c.back == nil {
			continue
		}
		r := c.clientReturns(e)
		still += r.still
		lost += int64(len(r.attempts))
		notIn += c.back.notIn.Load()
	}
	labels := map[string]string{LabelClients: g.plan.Group.Name}
	if broken > 0 && !g.reconnects() {
		j.Got += fmt.Sprintf(", %d broken by a fault", broken)
	}
	if still > 0 {
		j.Got += fmt.Sprintf(", %d of %d still disconnected", still, lost)
		if ev.end == endDone && !ev.tolerated(labels, StillDisconnected) {
			j.Status = CheckFail
		}
	}
	if notIn > 0 {
		j.Got += fmt.Sprintf(", %d could not repeat their setup", notIn)
		j.Status = CheckFail
	}
}

func (e *engine) reconnectReports() []ReconnectReport {
	var out []ReconnectReport
	for _, g := range e.groups {
		if r, ok := e.reconnectReport(g); ok {
			out = append(out, r)
		}
	}
	return out
}

func (e *engine) reconnectReport(g *groupRun) (r ReconnectReport, ok bool) {
	policy := g.plan.Group.Reconnect
	if policy == nil {
		return r, false
	}
	r.Group, r.Policy = g.plan.Group.Name, policy.Policy
	first := time.Duration(-1)
	var times []hist.ID
	for _, c := range g.cells {
		b := c.back
		r.Lost += b.lost.Load()
		r.Broken += c.severed.Load()
		r.Returned += b.returned.Load()
		r.Recovered += b.recovered.Load()
		r.Attempts += b.attempts.Load()
		r.Failed += b.failed.Load()
		times = append(times, b.time)
		x := c.clientReturns(e)
		r.Still += int(x.still)
		if x.firstLoss >= 0 && (first < 0 || x.firstLoss < first) {
			first = x.firstLoss
		}
	}
	if r.Lost == 0 {
		return r, false
	}
	if h := e.hists.Read(times...); h.Count() > 0 {
		r.P50, r.P99, r.Max = h.Percentile(50), h.Percentile(99), h.Max()
	}
	all := e.herds.of(g, first, e.now())
	r.HerdAt = first.Truncate(herdBucket)
	for i, n := range all {
		if rate := perSecond(n); rate > r.Peak {
			r.Peak, r.PeakAt = rate, r.HerdAt+time.Duration(i)*herdBucket
		}
	}
	r.Herd = all[:min(len(all), maxHerdShown)]
	r.Advice = herdAdvice(policy, &r)
	return r, true
}

// minHerd is how many losses make a herd.
const minHerd = 20

// herdAdvice says what would have spread a herd.
func herdAdvice(p *Reconnect, r *ReconnectReport) string {
	if r.Lost < minHerd || r.Peak*herdBucket.Seconds() < float64(r.Lost)/4 {
		return ""
	}
	in100 := int64(r.Peak*herdBucket.Seconds() + 0.5)
	came := fmt.Sprintf("%d of %d clients came back within the same 100 ms", in100, r.Lost)
	switch {
	case p.Policy == ReconnectSocketIO && p.Jitter == 0:
		return came + ": without jitter the delays are all the same; jitter 0.5, the default of socket.io-client, spreads them over " + p.InitialDelay.String()
	case p.Policy == ReconnectEventSource:
		return came + ": an EventSource has no jitter; send each stream another retry: time, or close streams a few at a time"
	case p.Policy == ReconnectImmediate, p.Policy == ReconnectFixed:
		spread := max(p.Delay, time.Second)
		return came + fmt.Sprintf(": a jitter of 50 %% on a delay of %s spreads them to about %.0f/s", spread, float64(r.Lost)/spread.Seconds())
	}
	return ""
}
