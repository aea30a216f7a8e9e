package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Run carries out a plan and reports. It returns an error only when it could
// not begin (an *rt.Error of KindUsage); everything that happens afterwards is
// in the report's verdict.
//
// When ctx ends, no more is sent, deliveries under way are waited for up to
// Options.Grace, and the report is partial. Run returns when all connections
// are closed and its goroutines have ended.
func Run(ctx context.Context, p *Plan, o Options) (*Report, error) {
	o = o.withDefaults()
	if err := needs(p, o); err != nil {
		return nil, err
	}
	for _, w := range p.Warnings {
		o.Logger.Warn(w)
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	e, err := newEngine(p, o, work)
	if err != nil {
		return nil, err
	}
	if e.faults, err = newFaults(e); err != nil {
		return nil, err
	}
	defer e.faults.close()
	if o.onEngine != nil {
		o.onEngine(e)
	}
	if o.side != nil {
		o.side.e = e
		o.joined <- struct{}{}
	}
	if err := e.startHooks(); err != nil {
		return nil, err
	}
	e.turns.start(o.FineTimers)
	check := startSelfCheck(e)
	show := e.startProgress()
	e.scraper = e.startScraper()
	samples := e.startSampler()
	partial := e.startCheckpoints(check, show, samples)
	if len(p.Scenario.Phases) > 0 {
		e.wg.Go(e.runPhases)
	}
	e.faults.start()
	for _, g := range e.groups {
		e.wg.Go(func() { e.ramp(g) })
	}
	if e.hasListeners() {
		e.wg.Go(e.watchListeners)
	}
	end := e.await(ctx)
	if end == endDone {
		e.awaitReturns()
	}
	e.faults.stop()
	show.phase("settling")
	still := e.settle(e.settleLimit(end), end == endDone && e.mindsSurplus())
	e.book.Settle(e.micros(e.now()))
	e.linger(end)
	partial.stop()
	accounts := e.account()
	took := e.now()
	e.windows.close(took)
	samples.stop()
	e.scraper.stop()
	generator := check.stop()
	e.shutdown(cancel)
	e.stopHooks()
	report := e.report(&evidence{
		end: end, accounts: accounts, took: took, generator: generator, stillArriving: still, times: show.stop(), samples: samples,
	})
	if partial.every > 0 {
		if err := o.Checkpoint(report); err != nil {
			o.Logger.Warn("the checkpoint could not be written", "error", err)
		}
	}
	return report, nil
}

// needs checks that the options hold what the plan asks for.
func needs(p *Plan, o Options) error {
	usage := func(text string) error {
		return &rt.Error{Op: "run", Kind: rt.KindUsage, Err: errors.New(text)}
	}
	if p.Connections > 0 && o.Dialer == nil {
		return usage("no dialer, but the plan has connections")
	}
	for _, f := range p.Scenario.Faults {
		if f.Drop == nil && o.Faults == nil {
			return usage("no driver of faults, but the plan has such as need one")
		}
	}
	if len(p.Scenario.Scrapes) > 0 && o.Requester == nil {
		return usage("no requester, but the plan has pages to scrape")
	}
	for _, t := range p.Scenario.Thresholds {
		if o.Baseline == nil && slices.ContainsFunc(t.Exprs, func(x ThresholdExpr) bool { return x.Ref == refBaseline }) {
			return usage(fmt.Sprintf("%s: %s compares with a baseline, but there is none: give --baseline FILE, the JSON report of a former run", t.Pos, t.head()))
		}
	}
	for _, g := range p.Groups {
		if g.Group.Sticky && o.Requester == nil {
			return usage("no requester, but the plan probes a balancer")
		}
		for _, c := range g.Cells {
			if c.Target.Poll != nil && o.Requester == nil {
				return usage("no requester, but the plan has long polls")
			}
		}
		for _, st := range g.Group.Flow {
			if st.Publish != nil && o.Requester == nil {
				return usage("no requester, but the plan has publish steps")
			}
			if st.Exec != nil && o.Hooks == nil {
				return usage("no hooks, but the plan has exec steps")
			}
		}
	}
	return nil
}

// ending is why a run ended.
type ending uint8

const (
	endDone ending = iota
	endInterrupted
	endTimeout
	endUnreachable
	endAborted // by a threshold
	endGoingOn // it has not ended: the report is one of its checkpoints
)

// await waits until all clients have done their part, or the run has to end
// for another reason.
func (e *engine) await(ctx context.Context) ending {
	limit := e.plan.Scenario.Timeout
	if limit <= 0 {
		limit = max(defaultTimeout, e.plan.Length+e.plan.Length/5)
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	end := endDone
	select {
	case <-e.done:
		return endDone
	case <-e.halted:
		if end = endUnreachable; e.aborted.Load() != nil {
			end = endAborted
		}
	case <-ctx.Done():
		end = endInterrupted
	case <-timeout.C:
		end = endTimeout
	}
	e.stopSending()
	grace := time.NewTimer(e.opt.Grace)
	defer grace.Stop()
	select {
	case <-e.done:
	case <-grace.C:
	}
	return end
}

// stopSending lets every client come to its end: no send is begun any more.
func (e *engine) stopSending() {
	e.stopping.Store(true)
	e.halt("stopped")
	for i := range e.clients {
		c := &e.clients[i]
		c.mu.Lock()
		if c.connected {
			c.kick()
		}
		c.mu.Unlock()
	}
}

// settleLimit is how long deliveries are waited for after the last send.
func (e *engine) settleLimit(end ending) time.Duration {
	var limit time.Duration
	for _, v := range e.plan.Scenario.Verify {
		d := v.Settle
		if d <= 0 {
			d = defaultSettle
		}
		limit = max(limit, d)
	}
	switch end {
	case endUnreachable:
		return 0
	case endDone:
		return limit
	}
	return min(limit, e.opt.Grace)
}

const (
	settleTick = 20 * time.Millisecond
	// quiet is how long nothing may come, once everything has, before the
	// settle time ends early.
	quiet = 300 * time.Millisecond
)

// mindsSurplus tells whether something may still come that must not: a
// duplicate or a leak has no bound but the settle time.
func (e *engine) mindsSurplus() bool {
	return slices.ContainsFunc(e.plan.Scenario.Verify, func(v *Verify) bool {
		return v.Nothing || v.Guarantee != AtLeastOnce
	})
}

// settle waits for deliveries under way, and tells whether some still came in
// when the time was over. With whole set it takes the time even when nothing
// is missing any more.
func (e *engine) settle(limit time.Duration, whole bool) (stillArriving bool) {
	start := e.now()
	received, changed := int64(-1), start
	missing, looked, cost := int64(-1), time.Duration(0), time.Duration(0)
	for now := start; now < start+limit; now = e.now() {
		if n := e.sum(func(t *tally) *counter { return &t.received }); n != received {
			received, changed, missing = n, now, -1
		}
		// Looking costs time that the receive path may need.
		if missing < 0 && now >= looked+10*cost {
			missing = e.missing()
			looked = e.now()
			cost = looked - now
		}
		if !whole && missing == 0 && now-changed >= min(quiet, limit) {
			return false
		}
		time.Sleep(settleTick)
	}
	return e.now()-changed < quiet && missing != 0
}

// lingerTime is how long what is missing is waited for beyond the settle time.
const lingerTime = 2 * time.Second

// linger gives what is missing some more time, which tells late from lost.
func (e *engine) linger(end ending) {
	if end == endDone && e.missing() > 0 {
		e.settle(lingerTime, false)
	}
}

// missing counts the deliveries that are expected and have not happened.
func (e *engine) missing() int64 {
	var n int64
	for _, a := range e.audiences {
		for _, w := range a.watches {
			if !w.rule.Nothing {
				n += a.lost(w)
			}
		}
	}
	return n
}

// Connections are closed with a goodbye for politeTime; those that remain are
// aborted, and after closeTime no one waits for them.
const (
	politeTime = 5 * time.Second
	closeTime  = 15 * time.Second
)

// shutdown closes every connection and waits for all goroutines.
func (e *engine) shutdown(cancel context.CancelFunc) {
	e.ending.Store(true)
	e.halt("over")
	for i := range e.clients {
		c := &e.clients[i]
		c.mu.Lock()
		c.stopped = true
		if c.back != nil && c.back.timer != nil {
			c.back.timer.Stop()
		}
		c.mu.Unlock()
	}
	e.turns.stop()
	cancel()
	deadline := e.now() + politeTime
	work := make(chan rt.Conn)
	var closers sync.WaitGroup
	for range min(maxCloses, len(e.clients)) {
		closers.Go(func() {
			for conn := range work {
				if e.now() > deadline {
					conn.Abort()
					continue
				}
				e.closeConn(conn)
			}
		})
	}
	for i := range e.clients {
		c := &e.clients[i]
		c.mu.Lock()
		conn := c.conn
		mine := conn != nil && !c.closing
		c.closing = c.closing || mine
		c.mu.Unlock()
		if mine {
			work <- conn
		}
	}
	close(work)
	ended := make(chan struct{})
	go func() {
		closers.Wait()
		e.wg.Wait()
		close(ended)
	}()
	bound := time.NewTimer(closeTime)
	defer bound.Stop()
	select {
	case <-ended:
	case <-bound.C:
		e.opt.Logger.Warn("some connections did not close in time", "bound", closeTime)
	}
}
